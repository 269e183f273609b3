from itertools import permutations

import pytest

from exam_manager.exams.plan_diff import _longest_rise

EXAM = "/api/v1/exam"
UNKNOWN = "0190aaaa-0000-7000-8000-00000000ffff"


async def released(platform):
    exam = await platform.exam(is_template=True, name="T")
    first, second = [await platform.workflow(exam, name=name) for name in ("Brain", "After")]
    scans = [await platform.acquisition(first, name=f"S{n}") for n in range(4)]
    await platform.job(second, name="R", input_task_ids=[scans[0]["id"]], parameter={"n": 1})
    await platform.call("POST", f"{EXAM}/templates/{exam['id']}/release", json={}, expect=200)
    return exam


async def revised(platform, exam):
    answer = await platform.call("POST", f"{EXAM}/templates/{exam['id']}/revise", expect=201)
    return answer.json()


async def diff(platform, left, right):
    params = {"left": left["id"], "right": right["id"]}
    url = f"{EXAM}/templates/diff"
    found = (await platform.call("GET", url, params=params, expect=200)).json()["changes"]
    return [
        (item["kind"], item["what"], item["name"], item["field"], item["before"], item["after"])
        for item in found
    ]


async def edit(platform, path, item, **changes):
    body = {**item, "status": "UPDATED", **changes}
    url = f"{EXAM}/{path}{item['id']}"
    return (await platform.call("PUT", url, json=body, expect=200)).json()


async def test_every_kind_of_change_is_told_once(either):
    exam = await released(either)
    draft = await revised(either, exam)
    assert await diff(either, exam, draft) == []
    brain, after = draft["workflows"]
    await edit(either, "", draft, name="T2", patient_position="FFS")
    await edit(either, "workflow/", brain, description="d")
    order = [brain["tasks"][number]["id"] for number in (3, 0, 1, 2)]
    await either.call("PUT", f"{EXAM}/task/reorder", json={"task_ids": order}, expect=204)
    await edit(either, "task/", {**brain["tasks"][0], "position": None}, name="S0 new")
    await edit(either, "task/", after["tasks"][0], parameter={"n": 2})
    await either.call("DELETE", f"{EXAM}/task/{brain['tasks'][2]['id']}", expect=204)
    await either.acquisition(brain, name="Extra")
    await either.workflow({**draft, "is_template": True}, name="More")
    assert await diff(either, exam, draft) == [
        ("changed", "exam", "T2", "name", "T", "T2"),
        ("changed", "exam", "T2", "patient_position", None, "FFS"),
        ("changed", "workflow", "Brain", "description", "", "d"),
        ("added", "workflow", "More", None, None, None),
        ("removed", "task", "S2", None, None, None),
        ("moved", "task", "S3", "position", 2, 0),
        ("changed", "task", "S0 new", "name", "S0", "S0 new"),
        ("added", "task", "Extra", None, None, None),
        ("changed", "task", "R", "parameter.n", 1, 2),
    ]
    back = await diff(either, draft, exam)
    assert ("removed", "workflow", "More", None, None, None) in back
    assert ("changed", "task", "S0", "name", "S0 new", "S0") in back


async def test_a_task_is_known_over_several_versions_by_its_lineage(platform):
    first = await released(platform)
    second = await revised(platform, first)
    task = second["workflows"][0]["tasks"][1]
    await edit(platform, "task/", task, name="Renamed")
    await platform.call("POST", f"{EXAM}/templates/{second['id']}/release", json={}, expect=200)
    third = await revised(platform, second)
    moved = third["workflows"][0]["tasks"][1]
    await edit(platform, "task/", moved, workflow_id=third["workflows"][1]["id"], position=9)
    assert await diff(platform, first, third) == [
        ("moved", "task", "Renamed", "workflow", "Brain", "After"),
        ("changed", "task", "Renamed", "name", "S1", "Renamed"),
    ]


async def test_templates_of_different_protocols_match_by_name(platform):
    first, second = await released(platform), await released(platform)
    found = await diff(platform, first, second)
    assert found == []


async def test_only_templates_are_compared(platform):
    template, exam = await released(platform), await platform.exam()
    for other in (exam["id"], UNKNOWN):
        params = {"left": template["id"], "right": other}
        await platform.call("GET", f"{EXAM}/templates/diff", params=params, expect=404)


@pytest.mark.parametrize("size", range(6))
def test_the_longest_part_in_order_stays(size):
    for order in permutations(range(size)):
        found = [number for number in order if number in _longest_rise(order)]
        assert found == sorted(found)
        best = max(
            sum(mask >> place & 1 for place in range(size))
            for mask in range(2**size)
            if (part := [n for place, n in enumerate(order) if mask >> place & 1]) == sorted(part)
        )
        assert len(found) == best
