import json

from scanhub_libraries.ids import new_id

EXAM = "/api/v1/exam"
UNKNOWN = "0190aaaa-0000-7000-8000-00000000ffff"


async def blank(platform, task, **params):
    query = {"task_id": task["id"], **params}
    answer = await platform.call(
        "POST", f"{EXAM}/result", params=query, headers=platform.service, expect=201
    )
    return answer.json()


async def put(platform, result, expect=200, **document):
    body = {"type": "DICOM", "directory": "", "files": [], **document}
    url = f"{EXAM}/result/{result['id']}"
    return (
        await platform.call("PUT", url, json=body, headers=platform.service, expect=expect)
    ).json()


async def test_a_blank_result_and_its_repetition(platform):
    task, other = await platform.scan(), await platform.scan()
    result = await blank(platform, task)
    assert (result["type"], result["directory"], result["files"]) == ("NOT_SET", "", [])
    result_id = str(new_id())
    one = await blank(platform, task, result_id=result_id)
    assert one == await blank(platform, task, result_id=result_id)
    refuse = {"headers": platform.service}
    for params, code in (
        ({"task_id": other["id"], "result_id": result_id}, 409),
        ({"task_id": UNKNOWN}, 400),
        ({"task_id": "x"}, 422),
        ({}, 422),
    ):
        await platform.call("POST", f"{EXAM}/result", params=params, expect=code, **refuse)
    template = await platform.acquisition(is_template=True)
    params = {"task_id": template["id"]}
    await platform.call("POST", f"{EXAM}/result", params=params, expect=400, **refuse)
    # People and strangers do not make results.
    await platform.call("POST", f"{EXAM}/result", params={"task_id": task["id"]}, expect=403)
    listed = (await platform.call("GET", f"{EXAM}/result/all/{task['id']}", expect=200)).json()
    assert [item["id"] for item in listed] == [result["id"], result_id]


async def test_a_result_is_made_and_set_by_one_request(either):
    """A further file of a task: half the round trips, and repeating is harmless."""
    task, other = await either.scan(), await either.scan()
    url, refuse = f"{EXAM}/result/{new_id()}", {"headers": either.service}
    body = {"type": "DICOM", "directory": "", "files": [], "meta": {"sha256": "ab"}}
    await either.call("PUT", url, json=body, expect=404, **refuse)
    for _ in range(2):
        params = {"task_id": task["id"]}
        await either.call("PUT", url, params=params, json=body, expect=200, **refuse)
    for params, code in (({"task_id": other["id"]}, 409), ({"task_id": UNKNOWN}, 400)):
        await either.call("PUT", url, params=params, json=body, expect=code, **refuse)
    listed = (await either.call("GET", f"{EXAM}/result/all/{task['id']}", expect=200)).json()
    assert [item["meta"] for item in listed] == [{"sha256": "ab"}]
    # What cannot be set is not made either.
    lost = f"{EXAM}/result/{new_id()}"
    missing = {**body, "files": ["not.dcm"]}
    params = {"task_id": task["id"]}
    await either.call("PUT", lost, params=params, json=missing, expect=422, **refuse)
    await either.call("GET", lost, expect=404)


async def test_a_result_names_files_of_its_own_folder_alone(either):
    task = await either.scan()
    result = await blank(either, task)
    directory = f"lake/{task['workflow_id']}/{task['id']}/{result['id']}"
    await either.lake.put(f"{directory}/im1.dcm", b"image")
    for wrong in (
        {"directory": "/etc", "files": ["passwd"]},
        {"directory": f"{directory}/.."},
        {"files": ["/etc/passwd"]},
        {"files": ["..", "im1.dcm"]},
        {"files": ["im2.dcm"]},
        {"files": ["a\x00b"]},
        {"type": "MAGIC"},
        {"meta": {"x": 1e999}},
    ):
        url, headers = f"{EXAM}/result/{result['id']}", {"Content-Type": "application/json"}
        body = json.dumps({"type": "DICOM", "directory": "", **wrong}).encode()
        answer = await either.call("PUT", url, content=body, headers=either.service | headers)
        assert answer.status_code == 422, (wrong, answer.text)
    after = await put(either, result, directory=directory, files=["im1.dcm"], meta={"run": 1})
    assert (after["directory"], after["meta"]) == (directory, {"run": 1})
    assert after == await put(either, result, files=["im1.dcm"], meta={"run": 1})
    url = f"{EXAM}/result/{result['id']}"
    await either.call("DELETE", url, expect=204)
    await either.call("GET", url, expect=404)
    await either.call("DELETE", url, expect=404)
    assert not either.lake.exists(f"{directory}/im1.dcm")
    await put(either, result, 404)


async def test_dicom_files_are_served_in_ranges_and_nothing_else_is(platform):
    task = await platform.scan()
    result = await blank(platform, task)
    place = f"{task['workflow_id']}/{task['id']}/{result['id']}"
    await platform.lake.put(f"lake/{place}/im 1.dcm", b"0123456789")
    await platform.lake.put(f"lake/{place}/secret.dcm", b"not listed")
    await put(platform, result, files=["im 1.dcm"])
    url = f"{EXAM}/dcm/{place}/im%201.dcm"
    whole = await platform.call("GET", url, expect=200)
    assert whole.content == b"0123456789"
    assert whole.headers["Content-Type"] == "application/dicom"
    assert whole.headers["Cache-Control"] == "no-store"
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert whole.headers["Content-Disposition"].startswith("inline")
    headers = {**platform.medical, "Range": "bytes=2-4"}
    part = await platform.call("GET", url, headers=headers, expect=206)
    assert part.content == b"234"
    beyond = {**platform.medical, "Range": "bytes=99-"}
    await platform.call("GET", url, headers=beyond, expect=416)
    other = await platform.scan()
    for path in (
        f"{place}/secret.dcm",
        f"{place}/none.dcm",
        f"{place}/..%2fim 1.dcm",
        f"{place}/%00",
        f"{task['workflow_id']}/{other['id']}/{result['id']}/im 1.dcm",
        f"{UNKNOWN}/{task['id']}/{result['id']}/im 1.dcm",
    ):
        absent = await platform.call("GET", f"{EXAM}/dcm/{path}", expect=404)
        assert str(platform.lake.root) not in absent.text
    await platform.call("GET", f"{EXAM}/dcm/x/y/z/im.dcm", expect=400)
    await platform.lake.delete(f"lake/{place}/im 1.dcm")
    await platform.call("GET", url, expect=404)


async def test_a_task_token_writes_results_of_its_claim_alone(platform):
    task, other = await platform.scan(), await platform.scan()
    claim = await platform.claim(task)
    token = {"Authorization": f"Bearer {claim['task_token']}"}
    url = f"{EXAM}/result"
    params = {"task_id": other["id"]}
    await platform.call("POST", url, params=params, headers=token, expect=403)
    foreign = await blank(platform, other)
    await platform.call("GET", f"{url}/{foreign['id']}", headers=token, expect=403)
    body = {"type": "NOT_SET", "directory": "", "files": []}
    await platform.call("PUT", f"{url}/{foreign['id']}", json=body, headers=token, expect=403)
    await platform.call("DELETE", f"{url}/{foreign['id']}", headers=token, expect=403)
    mine = await platform.make(f"{url}?task_id={task['id']}", None, headers=token)
    await platform.call("PUT", f"{url}/{mine['id']}", json=body, headers=token, expect=200)
    release = {"claim_id": claim["claim_id"], "status": "ERROR", "reason": "x"}
    path = f"{EXAM}/task/{task['id']}/release"
    await platform.call("POST", path, json=release, headers=token, expect=200)
    for method, options in (("PUT", {"json": body}), ("DELETE", {}), ("GET", {})):
        await platform.call(method, f"{url}/{mine['id']}", headers=token, expect=409, **options)
