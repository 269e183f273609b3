"""Rules are stored, changed, ordered, compared and taken back; every change has its author."""

import asyncio

import pytest
from effort import POSTGRESQL_IN_CI
from workflow_service import WORKFLOW, a_port

from scanhub_libraries.models import UserRole

RULES = f"{WORKFLOW}/rules"


@pytest.fixture
async def either(serving, migrated_url):
    """The service on SQLite and on PostgreSQL, with a target."""
    async with serving(database_url=migrated_url) as running:
        await add_target(running, "PACS")
        yield running


@pytest.fixture
def service(either):
    """The same, for tests of what is only refused or tried."""
    return either


async def add_target(service, name, **changes):
    body = {"name": name, "ip": "127.0.0.1", "port": a_port(), "aet_target": "PEER", **changes}
    answer = await service.user.post(f"{WORKFLOW}/targets", json=body)
    assert answer.status_code == 201, answer.text


def rule(name="mr", **options):
    return {"name": name, "rule": "tags.Modality == 'MR'", "target": "PACS", **options}


async def add(service, *args, **options):
    answer = await service.user.post(RULES, json=rule(*args, **options))
    assert answer.status_code == 201, answer.text
    return answer


async def names(service):
    return [found["name"] for found in await service.get("/rules")]


async def test_a_rule_is_made_read_changed_and_deleted(either):
    made = await add(either, comment="For MR", change_comment="first")
    assert made.headers["ETag"] == '"1"'
    assert (made.json()["target"], made.json()["position"], made.json()["version"]) == (
        ["PACS"],
        0,
        1,
    )
    read = await either.user.get(f"{RULES}/mr")
    assert (read.headers["ETag"], read.json()) == ('"1"', made.json())
    changed = await either.user.put(
        f"{RULES}/mr", json=rule(rule="True"), headers={"If-Match": '"1"'}
    )
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert changed.json()["rule"] == "True"
    stale = await either.user.put(f"{RULES}/mr", json=rule(), headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    same = await either.user.put(f"{RULES}/mr", json=rule(rule="True"))
    assert same.json()["version"] == 2
    stale = await either.user.delete(f"{RULES}/mr", headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert (await either.user.delete(f"{RULES}/mr")).status_code == 204
    assert (await either.user.get(f"{RULES}/mr")).status_code == 404
    assert (await either.user.delete(f"{RULES}/mr")).status_code == 404
    journal = [e["type"] for e in await either.get("/journal?subject=mr")]
    assert journal == ["rule.created", "rule.updated", "rule.deleted"]


async def test_the_history_of_a_rule_outlives_it_and_goes_on_under_its_name(either):
    await add(either, change_comment="first")
    await either.user.put(f"{RULES}/mr", json=rule(rule="True", change_comment="all of them"))
    await either.user.delete(f"{RULES}/mr")
    assert (await add(either)).json()["version"] == 4
    history = await either.get("/rules/mr/versions")
    assert [(h["version"], h["change"], h["comment"]) for h in history] == [
        (4, "created", ""),
        (3, "deleted", ""),
        (2, "updated", "all of them"),
        (1, "created", "first"),
    ]
    assert {h["author"] for h in history} == {"user:tester"}
    assert [h["version"] for h in await either.get("/rules/mr/versions?limit=2&after=4")] == [3, 2]
    assert (await either.get("/rules/mr/versions/2"))["document"]["rule"] == "True"
    differing = await either.get("/rules/mr/diff?before=1&after=2")
    assert differing == [{"field": "rule", "before": "tags.Modality == 'MR'", "after": "True"}]
    missing = await either.user.get(f"{RULES}/mr/versions/9")
    assert missing.status_code == 404


async def test_an_older_version_is_taken_up_again_as_a_new_one(either):
    await add(either)
    await either.user.put(f"{RULES}/mr", json=rule(rule="True"))
    path = f"{RULES}/mr/versions/1/revert"
    stale = await either.user.post(path, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    back = await either.user.post(path, json={"comment": "too many"})
    assert (back.json()["rule"], back.json()["version"]) == ("tags.Modality == 'MR'", 3)
    newest = (await either.get("/rules/mr/versions"))[0]
    assert (newest["change"], newest["comment"]) == ("reverted", "too many")
    named = await either.user.delete(f"{WORKFLOW}/targets/PACS")
    assert (named.status_code, named.json()["rules"]) == (409, ["mr"])
    discard = rule(action="discard", target=[])
    assert (await either.user.put(f"{RULES}/mr", json=discard)).status_code == 200
    assert (await either.user.delete(f"{WORKFLOW}/targets/PACS")).status_code == 204
    refused = await either.user.post(f"{RULES}/mr/versions/2/revert")
    assert refused.status_code == 422  # its target is gone


async def test_the_order_is_changed_as_a_whole_or_not(either):
    for name in ("a", "b", "c"):
        await add(either, name)
    assert await names(either) == ["a", "b", "c"]
    answer = await either.user.put(f"{WORKFLOW}/rules-order", json={"names": ["c", "a", "b"]})
    assert [found["name"] for found in answer.json()] == ["c", "a", "b"]
    assert await names(either) == ["c", "a", "b"]
    for wrong in (["a", "b"], ["a", "b", "b"], ["a", "b", "c", "d"]):
        answer = await either.user.put(f"{WORKFLOW}/rules-order", json={"names": wrong})
        assert answer.status_code == 409
    assert await names(either) == ["c", "a", "b"]
    await add(either, "d")
    assert await names(either) == ["c", "a", "b", "d"]
    (event,) = await either.get("/journal?subject=rules")
    assert event["data"] == {"before": ["a", "b", "c"], "after": ["c", "a", "b"]}


async def test_of_two_orders_at_once_the_later_one_is_there_and_no_mixture(either):
    for name in ("a", "b", "c"):
        await add(either, name)
    orders = [["c", "a", "b"], ["b", "a", "c"]]
    answers = await asyncio.gather(
        *(either.user.put(f"{WORKFLOW}/rules-order", json={"names": order}) for order in orders)
    )
    assert [answer.status_code for answer in answers] == [200, 200]
    first, second = await either.get("/journal?subject=rules")
    assert first["data"]["after"] == second["data"]["before"]
    assert await names(either) == second["data"]["after"]


CANNOT = [
    ({"rule": "tags.Modality =="}, "rule"),
    ({"target": "NOWHERE"}, "target"),
    ({"target": []}, "target"),
    ({"action": "process", "processing_module": "m"}, "processing_module"),
    ({"action": "process"}, "processing_module"),
    ({"dynamic_routing_allowed_targets": "NOWHERE"}, "dynamic_routing_allowed_targets"),
    ({"action_trigger": "study", "study_trigger_series": "'A' 'B'"}, "study_trigger_series"),
]


@POSTGRESQL_IN_CI
async def test_what_this_server_cannot_do_is_refused_with_the_reason(service):
    for options, field in CANNOT:
        answer = await service.user.post(RULES, json=rule(**options))
        assert answer.status_code == 422, options
        problem = answer.json()
        assert problem["field"] == field
        assert problem["problems"][0]["field"] == field
    assert await names(service) == []
    await add(service)
    for options, _ in CANNOT:
        answer = await service.user.put(f"{RULES}/mr", json=rule(**options))
        assert answer.status_code == 422, options
    assert (await service.get("/rules/mr"))["version"] == 1


@POSTGRESQL_IN_CI
async def test_a_name_that_mercure_would_not_take_is_refused(service):
    for name in ("", "a b", "a/b", "ä", "x" * 201):
        assert (await service.user.post(RULES, json=rule(name))).status_code == 422, name


async def test_a_rule_keeps_its_name_and_has_it_alone(either):
    await add(either)
    assert (await either.user.post(RULES, json=rule())).status_code == 409
    assert (await either.user.put(f"{RULES}/mr", json=rule("ct"))).status_code == 409


@POSTGRESQL_IN_CI
async def test_admins_write_and_everybody_reads(service, headers_of):
    await add(service)
    for role in (UserRole.MEDICAL, UserRole.SCIENTIST, UserRole.ENGINEER):
        headers = headers_of(role)
        assert (await service.user.get(RULES, headers=headers)).status_code == 200
        for method, path in (
            ("POST", RULES),
            ("PUT", f"{RULES}/mr"),
            ("DELETE", f"{RULES}/mr"),
            ("POST", f"{RULES}/mr/versions/1/revert"),
            ("PUT", f"{WORKFLOW}/rules-order"),
        ):
            answer = await service.user.request(method, path, json=rule(), headers=headers)
            assert answer.status_code == 403


@POSTGRESQL_IN_CI
async def test_an_expression_is_tried_without_being_stored(service):
    body = {"rule": "tags.modality == 'MR' and tags.X", "tags": {"Modality": "MR"}}
    answer = await service.user.post(f"{RULES}/test", json=body)
    assert answer.json() == {
        "triggered": False,
        "error": None,
        "problem": None,
        "place": None,
        "missing": "X",
        "tags_accessed": [
            {"keyword": "Modality", "known": True, "has_value": True},
            {"keyword": "X", "known": False, "has_value": False},
        ],
    }
    answer = await service.user.post(f"{RULES}/test", json={"rule": "1/0", "tags": {}})
    assert answer.json()["error"] == "Division by zero: 1 / 0"


@POSTGRESQL_IN_CI
async def test_a_completion_expression_is_tried(service):
    expected = {
        "'A' and 'B'": (True, True),
        "'A' 'B'": (False, False),
        "'A' AND 'B'": (False, True),
    }
    for expression, (valid, complete) in expected.items():
        body = {"expression": expression, "received": ["A", "B"]}
        answer = (await service.user.post(f"{RULES}/test-completion", json=body)).json()
        assert (answer["valid"], answer["complete"]) == (valid, complete), expression
        assert (answer["error"] is None) is valid


@POSTGRESQL_IN_CI
async def test_rules_are_tried_together_with_any_option_of_mercure(service):
    rules = [
        rule("a", action="process", processing_module="m"),
        rule("b", rule="tags.Modality == 'CT'", action="discard"),
        rule("c", fallback=True),
    ]
    body = {"rules": rules, "tags": {"Modality": "MR"}}
    answer = (await service.user.post(f"{RULES}/select", json=body)).json()
    assert [(a["action"], a["processing_modules"]) for a in answer["actions"]] == [
        ("process", ["m"])
    ]
    assert [r["outcome"] for r in answer["rules"]] == ["fired", "did_not_fire", "not_evaluated"]
    assert await names(service) == []
