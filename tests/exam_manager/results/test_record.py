"""The record of a result: its version, its pages, and when it may go."""

import asyncio

import pytest

from scanhub_libraries.ids import new_id

EXAM = "/api/v1/exam"


async def blank(platform, task):
    params = {"params": {"task_id": task["id"]}, "headers": platform.service}
    return (await platform.call("POST", f"{EXAM}/result", expect=201, **params)).json()


async def test_a_result_counts_its_changes_and_a_stale_edit_is_refused(either):
    task = await either.scan()
    result = await blank(either, task)
    url = f"{EXAM}/result/{result['id']}"
    assert (result["version"], result["datetime_updated"]) == (1, None)
    read = await either.call("GET", url, expect=200)
    assert read.headers["ETag"] == '"1"'
    body = {"type": "NOT_SET", "directory": "", "files": [], "meta": {"run": 1}}

    async def put(document, tag, expect):
        headers = either.service | ({"If-Match": tag} if tag else {})
        return await either.call("PUT", url, json=document, headers=headers, expect=expect)

    changed = await put(body, '"1"', 200)
    assert changed.headers["ETag"] == '"2"'
    assert changed.json()["version"] == 2
    assert changed.json()["datetime_updated"] >= result["datetime_created"]
    # The same again is no change, whoever repeats it after a lost answer.
    assert (await put(body, None, 200)).json() == changed.json()
    stale = await put(body | {"meta": None}, '"1"', 412)
    assert stale.json()["version"] == 2
    assert (await either.call("GET", url, expect=200)).json() == changed.json()
    await either.call("DELETE", url, headers=either.medical | {"If-Match": '"1"'}, expect=412)
    await either.call("DELETE", url, headers=either.medical | {"If-Match": '"2"'}, expect=204)
    tree = (await either.call("GET", f"{EXAM}/task/{task['id']}", expect=200)).json()
    assert tree["results"] == []


async def test_of_writers_at_once_with_one_version_one_wins(either):
    result = await blank(either, await either.scan())
    url = f"{EXAM}/result/{result['id']}"

    async def write(number):
        body = {"type": "NOT_SET", "directory": "", "files": [], "meta": {"number": number}}
        headers = either.service | {"If-Match": '"1"'}
        return (await either.call("PUT", url, json=body, headers=headers)).status_code

    codes = await asyncio.gather(*(write(number) for number in range(6)))
    assert sorted(codes) == [200, 412, 412, 412, 412, 412]
    assert (await either.call("GET", url, expect=200)).json()["version"] == 2


async def test_the_results_of_a_task_come_whole_or_in_pages(either):
    task, other = await either.scan(), await either.scan()
    made = [await blank(either, task) for _ in range(5)]
    await blank(either, other)
    url = f"{EXAM}/result/all/{task['id']}"
    whole = await either.call("GET", url, expect=200)
    assert (whole.json(), "Link" in whole.headers) == (made, False)
    found, following = [], f"{url}?limit=2"
    while following:
        page = await either.call("GET", following, expect=200)
        assert len(page.json()) <= 2
        found += page.json()
        following = page.links.get("next", {}).get("url")
    assert found == made
    await either.call("GET", f"{url}?limit=0", expect=422)
    await either.call("GET", f"{url}?limit=2&after={new_id()}", expect=400)
    assert (await either.call("GET", f"{EXAM}/result/all/{new_id()}", expect=200)).json() == []


@pytest.fixture
async def measured(either):
    """A finished acquisition with a result, and a job that reads it."""
    workflow = await either.workflow(await either.exam())
    scan = await either.acquisition(workflow)
    job = await either.job(workflow, input_task_ids=[scan["id"]])
    claim = await either.claim(scan)
    result_id = str(new_id())
    key = f"lake/{workflow['id']}/{scan['id']}/{result_id}/data.mrd"
    await either.lake.put(key, b"raw data")
    finish = {
        "claim_id": claim["claim_id"],
        "result_id": result_id,
        "result": {"type": "MRD", "directory": "", "files": ["data.mrd"]},
    }
    url = f"{EXAM}/task/{scan['id']}/finish"
    await either.call("POST", url, json=finish, headers=either.service, expect=200)
    return scan, job, f"{EXAM}/result/{result_id}", key


async def test_what_a_running_job_reads_is_not_deleted(either, measured):
    _, job, url, key = measured
    assert (await either.call("GET", url, expect=200)).json()["version"] == 1
    claim = await either.claim(job, device_id=None, run_id=str(new_id()))
    refused = await either.call("DELETE", url, expect=409)
    assert refused.json()["tasks"] == [job["id"]]
    assert either.lake.exists(key)
    release = {"claim_id": claim["claim_id"], "status": "ERROR", "reason": "x"}
    path = f"{EXAM}/task/{job['id']}/release"
    await either.call("POST", path, json=release, headers=either.service, expect=200)
    await either.call("DELETE", url, expect=204)
    assert not either.lake.exists(key)


async def test_what_is_being_written_is_deleted_by_the_platform_alone(either, measured):
    scan, _, url, _ = measured
    await either.claim(scan)
    blank_now = f"{EXAM}/result/{(await blank(either, scan))['id']}"
    refused = await either.call("DELETE", blank_now, expect=409)
    assert "still running" in refused.json()["detail"]
    await either.call("DELETE", blank_now, headers=either.service, expect=204)
    # The result of the scan before is nobody's work now.
    await either.call("DELETE", url, expect=204)


async def test_a_dicom_file_changes_its_tag_so_that_ranges_of_two_files_never_mix(platform, store):
    _, place = await store({"im1.dcm": b"0123456789"}, "DICOM")
    url = f"{EXAM}/dcm/{place}/im1.dcm"
    whole = await platform.call("GET", url, expect=200)
    tag = whole.headers["ETag"]
    for given, code, body in ((tag, 206, b"234"), ('"other"', 200, b"0123456789")):
        headers = platform.medical | {"Range": "bytes=2-4", "If-Range": given}
        answer = await platform.call("GET", url, headers=headers, expect=code)
        assert answer.content == body
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    headers = platform.medical | {"Range": "bytes=-3"}
    part = await platform.call("GET", url, headers=headers, expect=206)
    assert (part.content, part.headers["Content-Range"]) == (b"789", "bytes 7-9/10")
    # A unit that nobody knows is ignored (RFC 9110 section 14.2).
    for wrong, code in (("bytes=10-", 416), ("bytes=4-2", 400), ("lines=1-2", 200)):
        headers = platform.medical | {"Range": wrong}
        await platform.call("GET", url, headers=headers, expect=code)
    beyond = platform.medical | {"Range": "bytes=10-"}
    refused = await platform.call("GET", url, headers=beyond, expect=416)
    assert refused.headers["Content-Range"] == "bytes */10"
    platform.lake.path(f"lake/{place}/im1.dcm").unlink()
    (platform.lake.root / "lake" / place / "im1.dcm").symlink_to("/etc/hostname")
    await platform.call("GET", url, expect=404)
    _, place = await store({"data.mrd": b"x"})
    await platform.call("GET", f"{EXAM}/dcm/{place}/data.mrd", expect=404)
