"""Versions of a sequence, who uses them, and lists."""

import asyncio

import pytest

EXAM = "/api/v1/exam"


async def get(platform, path, **params):
    return (await platform.call("GET", f"{EXAM}/{path}", params=params, expect=200)).json()


async def test_versions_of_a_sequence_are_numbered_newest_first(either, upload, small):
    first = await upload(either)
    assert (first["lineage_id"], first["lineage_version"]) == (first["_id"], 1)
    second = await upload(either, small + "# 2\n", version_of=first["_id"])
    third = await upload(either, small + "# 3\n", version_of=first["_id"])
    fourth = await upload(either, small + "# 4\n", version_of=third["_id"])
    other = await upload(either)
    for asked in (first, fourth):
        versions = await get(either, f"sequence/{asked['_id']}/versions")
        found = [(one["_id"], one["lineage_version"]) for one in versions]
        assert found == [
            (one["_id"], number)
            for one, number in ((fourth, 4), (third, 3), (second, 2), (first, 1))
        ]
        assert {one["lineage_id"] for one in versions} == {first["_id"]}
        assert {one["seq_file"] for one in versions} == {""}
    alone = await get(either, f"sequence/{other['_id']}/versions")
    assert [one["_id"] for one in alone] == [other["_id"]]
    await either.call("GET", f"{EXAM}/sequence/absent/versions", expect=404)


async def test_versions_uploaded_at_once_get_different_numbers(either, upload, small):
    first = await upload(either)

    async def next_version(number):
        data = {"name": "next", "version_of": first["_id"]}
        files = {"seq_file": ("a.seq", f"{small}# {number}\n".encode(), "text/plain")}
        return await either.call("POST", f"{EXAM}/sequence", data=data, files=files)

    answers = await asyncio.gather(*(next_version(number) for number in range(4)))
    made = [answer.json() for answer in answers if answer.status_code == 201]
    lost = [answer for answer in answers if answer.status_code != 201]
    assert {answer.status_code for answer in lost} <= {409}
    versions = await get(either, f"sequence/{first['_id']}/versions")
    assert [one["lineage_version"] for one in versions] == list(range(len(made) + 1, 0, -1))
    assert {one["_id"] for one in versions} == {first["_id"], *(one["_id"] for one in made)}
    files = sorted(path.name for path in either.lake.folder("sequences").iterdir())
    assert [name for name in files if ".plot.bin" not in name] == sorted(
        f"{one['_id']}.seq" for one in versions
    )


async def test_a_version_of_nothing_is_refused_and_leaves_no_file(platform, upload):
    problem = await upload(platform, version_of="absent", expect=422)
    assert problem["field"] == "version_of"
    assert list(platform.lake.folder("sequences").iterdir()) == []
    assert await get(platform, "sequences/all") == []


async def test_the_same_content_again_is_told(platform, upload, small):
    first = await upload(platform)
    assert first["same_content_as"] == []
    second = await upload(platform, name="Copy")
    assert second["same_content_as"] == [first["_id"]]
    third = await upload(platform, version_of=first["_id"])
    assert third["same_content_as"] == [second["_id"], first["_id"]]
    assert (await upload(platform, small + "#\n"))["same_content_as"] == []


async def test_an_edit_of_a_stale_version_is_refused(platform, upload):
    made = await upload(platform)
    url = f"{EXAM}/sequence/{made['_id']}"
    read = await platform.call("GET", url, expect=200)
    assert (read.headers["etag"], read.json()["version"]) == ('"1"', 1)
    stale = {**platform.medical, "If-Match": read.headers["etag"]}
    changed = await platform.call("PUT", url, json={"name": "A"}, headers=stale, expect=200)
    assert (changed.headers["etag"], changed.json()["version"]) == ('"2"', 2)
    problem = await platform.call("PUT", url, json={"name": "B"}, headers=stale, expect=412)
    assert problem.json()["version"] == 2
    last = await platform.call("PUT", url, json={"name": "C"}, expect=200)
    assert last.json()["name"] == "C"
    assert last.json()["sha256"] == made["sha256"]


async def test_tasks_are_told_by_the_version_they_use(either, upload, small):
    first = await upload(either)
    second = await upload(either, small + "# 2\n", version_of=first["_id"])
    exam = await either.exam(name="Knee")
    workflow = await either.workflow(exam)
    old = await either.acquisition(workflow, sequence_id=first["_id"])
    new = await either.acquisition(workflow, sequence_id=second["_id"], name="TSE")
    template = await either.acquisition(is_template=True, sequence_id=second["_id"])
    url = f"sequence/{second['_id']}/tasks"
    uses = await get(either, url)
    assert [(use["task_id"], use["is_template"]) for use in uses] == [
        (template["id"], True),
        (new["id"], False),
    ]
    assert (uses[0]["exam_id"], uses[0]["exam_name"]) == (None, None)
    assert (uses[1]["exam_id"], uses[1]["exam_name"]) == (exam["id"], "Knee")
    assert (uses[1]["task_name"], uses[1]["status"]) == ("TSE", "NEW")
    assert uses[1]["lineage_version"] == 2
    every = await get(either, url, all_versions=True)
    assert [use["task_id"] for use in every] == [template["id"], new["id"], old["id"]]
    await either.call("GET", f"{EXAM}/sequence/absent/tasks", expect=404)


async def test_the_tasks_of_a_sequence_come_in_pages(platform, upload):
    made = await upload(platform)
    tasks = [
        await platform.acquisition(is_template=True, sequence_id=made["_id"]) for _ in range(3)
    ]
    url = f"{EXAM}/sequence/{made['_id']}/tasks"
    page = await platform.call("GET", url, params={"limit": 2}, expect=200)
    assert [use["task_id"] for use in page.json()] == [tasks[2]["id"], tasks[1]["id"]]
    rest = await platform.call("GET", page.links["next"]["url"], expect=200)
    assert [use["task_id"] for use in rest.json()] == [tasks[0]["id"]]
    assert "next" not in rest.links


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({}, ["Ankle", "GRE %", "GRE %", "Ärm"]),
        ({"search": "gre"}, ["GRE %", "GRE %"]),
        ({"search": "ÄRM"}, ["Ärm"]),
        ({"search": "%"}, ["GRE %", "GRE %"]),
        ({"search": "joint slow"}, ["Ankle"]),
        ({"search": "joint fast"}, []),
        ({"sequence_type": "TSE"}, ["Ankle"]),
        ({"tag": "Fast"}, ["GRE %", "GRE %", "Ärm"]),
        ({"tag": "fas"}, []),
        ({"newest": True}, ["Ankle", "GRE %", "Ärm"]),
        ({"newest": True, "search": "gre", "tag": "fast"}, ["GRE %"]),
    ],
)
async def test_lists_are_filtered_on_the_server(either, upload, params, names):
    gre = await upload(either, name="GRE %", tags=["fast", "head"])
    await upload(either, name="GRE %", tags=["fast"], version_of=gre["_id"])
    await upload(either, name="Ankle", description="a joint", sequence_type="TSE", tags=["slow"])
    await upload(either, name="Ärm", tags=["FAST"])
    found = await get(either, "sequences/all", **params)
    assert sorted(one["name"] for one in found) == names


async def test_a_list_of_sequences_comes_in_pages(either, upload):
    ids = [(await upload(either, name=name))["_id"] for name in ("b", "a", "b")]
    expected = [ids[1], *sorted([ids[0], ids[2]])]
    found = []
    url, params = f"{EXAM}/sequences/all", {"limit": 1}
    while url:
        page = await either.call("GET", url, params=params, expect=200)
        found += [one["_id"] for one in page.json()]
        url, params = page.links.get("next", {}).get("url"), None
    assert found == expected
    problem = await either.call(
        "GET", f"{EXAM}/sequences/all", params={"limit": 1, "after": "absent"}, expect=422
    )
    assert problem.json()["field"] == "after"


async def test_two_sequences_are_told_side_by_side(platform, upload, small):
    left = await upload(platform)
    longer = small.replace("2 324 0 1", "2 648 0 1").replace("Name small", "Name long\nTE 0.005")
    right = await upload(platform, longer, version_of=left["_id"])
    diff = await get(platform, "sequences/diff", left=left["_id"], right=right["_id"])
    assert (diff["left"]["lineage_version"], diff["right"]["lineage_version"]) == (1, 2)
    assert not diff["same_content"]
    facts = {row["field"]: row for row in diff["facts"]}
    assert facts["duration_s"]["differs"]
    assert facts["duration_s"]["relative_difference"] == pytest.approx(324 / 748)
    assert not facts["num_blocks"]["differs"]
    assert facts["num_blocks"]["relative_difference"] == 0
    definitions = {row["field"]: row for row in diff["definitions"]}
    assert (definitions["Name"]["left"], definitions["Name"]["right"]) == ("small", "long")
    assert definitions["Name"]["relative_difference"] is None
    assert (definitions["TE"]["left"], definitions["TE"]["differs"]) == (None, True)
    same = await get(platform, "sequences/diff", left=left["_id"], right=left["_id"])
    assert same["same_content"]
    assert not any(row["differs"] for row in [*same["facts"], *same["definitions"]])
    params = {"left": left["_id"], "right": "absent"}
    await platform.call("GET", f"{EXAM}/sequences/diff", params=params, expect=404)
