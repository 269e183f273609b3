"""What modules made waits for a person: recorded, durable, without a slot; and the deadline."""

from uuid import UUID

import pytest
from effort import POSTGRESQL_IN_CI
from images import SERIES
from workflow_service import WORKFLOW, until

from scanhub_libraries.errors import ForbiddenError
from scanhub_libraries.models import UserRole
from scanhub_libraries.security.principal import Principal, PrincipalKind
from workflow_manager.processing.rules import check_reviewer
from workflow_manager.processing.steps import ProcessingSteps

pytestmark = pytest.mark.timeout(240)
DERIVE = "for number, path in enumerate(images, 1):\n    derive(path, number)\n"


async def waiting(works, series, **review):
    """Return a case whose modules have ended and that waits for a review."""
    await works.module("segment", DERIVE)
    await works.rule("segment", action="both", target="PACS", processing_review=review)
    await works.series(series, 1)
    await works.run("review")
    return await works.ward.case("processing", rule="process")


async def review(works, case, decision, *, status=200, headers=None, comment=""):
    path = f"{WORKFLOW}/cases/{case['id']}/processing/review"
    body = {"decision": decision, "comment": comment}
    answer = await works.service.user.post(path, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


@POSTGRESQL_IN_CI
async def test_what_is_approved_by_a_person_is_sent_and_not_before(
    working, node, headers_of, migrated_url
):
    async with working(database_url=migrated_url) as works:
        await works.ward.add_target("PACS", node.port)
        case = await waiting(works, SERIES, deadline_s=86_400)
        assert case["reason"].startswith("Waits for a review by somebody whose role is medical,")
        assert case["reason"].endswith(" UTC (it is rejected then).")
        assert case["waits_until"] is not None
        (run,) = (await works.service.get(f"/cases/{case['id']}"))["processing"]
        assert (run["state"], run["images"], run["review"]["state"]) == ("review", 1, "waiting")
        assert run["review"]["decided_by"] is None
        whole = await works.service.get(f"/cases/{case['id']}")
        assert [series["derived"] for series in whole["series"]] == [False, True]  # to look at
        assert await works.service.get("/processing?state=review") == [run]
        # It holds no slot, of which there is one.
        assert works.service.wiring.processing == {}
        refused = await review(
            works, case, "approve", status=403, headers=headers_of(UserRole.ENGINEER)
        )
        assert "whose role is medical" in refused["detail"]
        assert node.received == []
        radiologist = headers_of(UserRole.MEDICAL, "radiologist")
        await review(works, case, "approve", headers=radiologist, comment="follows the lesion")
        case = await works.ward.case("done", rule="process")
        assert (node.received, case["waits_until"]) == ([f"{SERIES}.9.1"], None)
        (run,) = (await works.service.get(f"/cases/{case['id']}"))["processing"]
        told = run["review"]
        assert (run["state"], told["state"]) == ("succeeded", "approved")
        assert (told["decided_by"], told["comment"]) == ("user:radiologist", "follows the lesion")
        (event,) = await works.service.get(f"/journal?subject={run['id']}&type=processing.reviewed")
        assert (event["actor"], event["data"]["review"]) == ("user:radiologist", "approved")
        assert "lesion" not in str(event)
        types = await works.ward.timeline(case)
        assert types.index("processing.review") < types.index("processing.reviewed")
        await review(works, case, "approve", status=409)


async def test_what_is_rejected_goes_nowhere_and_can_be_computed_anew(working, node):
    async with working() as works:
        await works.ward.add_target("PACS", node.port)
        case = await waiting(works, SERIES)
        assert case["reason"] == "Waits for a review by somebody whose role is medical."
        await review(works, case, "reject")
        case = await works.ward.case("failed", rule="process")
        assert case["reason"] == "The review rejected it: user:tester."
        await works.ward.post(f"/cases/{case['id']}/retry")
        await works.run("review", number=2)
        await review(works, case, "approve")
        await works.ward.case("done", rule="process")
        assert node.received == [f"{SERIES}.9.1"]
        runs = await works.service.get("/processing")
        assert [(run["state"], run["review"]["state"]) for run in runs] == [
            ("succeeded", "approved"),
            ("rejected", "rejected"),
        ]


@pytest.mark.long
async def test_of_what_a_run_that_was_rejected_made_nothing_is_sent_but_what_comes_out_again(
    working, node
):
    async with working() as works:
        await works.ward.add_target("PACS", node.port)
        await works.module("segment", DERIVE)
        await works.rule("segment", action="both", target="PACS", processing_review={})
        await works.series(SERIES, 1, 2)
        await works.run("review")
        case = await works.ward.case("processing", rule="process")
        await review(works, case, "reject")
        await works.module_changed("segment", "derive(images[0])")
        await works.ward.post(f"/cases/{case['id']}/retry")
        await works.run("review", number=2)
        await review(works, case, "approve")
        await works.ward.case("done", rule="process")
        (sent,) = node.received
        assert sent.startswith("2.25.")  # the series of before has an image more


async def test_a_review_waits_over_a_restart_and_a_step_that_is_done_again(working, node):
    async with working() as works:
        await works.ward.add_target("PACS", node.port)
        case = await waiting(works, SERIES)
        (run,) = await works.service.get("/processing")
        # As after a crash between what the step did and what the engine remembers of it.
        nothing = {"images": 0, "known": [], "files": []}
        assert await ProcessingSteps(works.service.wiring).finish(run["id"], nothing) == {}
        assert await works.service.get("/processing") == [run]
    async with working() as works:
        assert await works.service.get("/processing") == [run]
        await review(works, case, "approve")
        await works.ward.case("done", rule="process")
        assert node.received == [f"{SERIES}.9.1"]


@pytest.mark.parametrize(
    ("at_deadline", "state", "reason"),
    [
        ("reject", "failed", "The review rejected it: nobody, for the deadline was over."),
        pytest.param("approve", "done", "Sent to PACS.", marks=pytest.mark.long),
    ],
)
async def test_at_the_deadline_the_rule_decides(working, node, at_deadline, state, reason):
    async with working() as works:
        await works.ward.add_target("PACS", node.port)
        await works.module("segment", DERIVE)
        asked = {"deadline_s": 0.2, "at_deadline": at_deadline}
        await works.rule("segment", action="both", target="PACS", processing_review=asked)
        await works.series(SERIES, 1)
        case = await works.ward.case(state, rule="process")
        assert case["reason"] == reason
        (run,) = await works.service.get("/processing")
        assert run["review"]["decided_by"] == "deadline"


async def test_one_that_is_overdue_is_told_once_and_waits_on_and_can_be_stopped(working, node):
    async with working() as works:
        await works.ward.add_target("PACS", node.port)
        await works.module("segment", DERIVE)
        asked = {"deadline_s": 0.2, "at_deadline": "wait", "role": "scientist"}
        await works.rule("segment", action="both", target="PACS", processing_review=asked)
        await works.series(SERIES, 1)

        async def overdue():
            found = await works.service.get("/processing?state=review")
            return found and found[0]["review"]["overdue"] and found[0]

        run = await until(overdue)
        do = ProcessingSteps(works.service.wiring)
        await do.pass_deadline(UUID(run["id"]))
        case = await works.ward.case("processing", rule="process")
        assert case["reason"].endswith("whose role is scientist. It is overdue.")
        assert (await works.ward.timeline(case)).count("processing.overdue") == 1
        await works.ward.post(f"/cases/{case['id']}/processing/cancel")
        await works.ward.case("failed", rule="process")
        (run,) = await works.service.get("/processing")
        assert (run["state"], run["review"]["state"]) == ("canceled", "canceled")


@pytest.mark.parametrize("role", UserRole)
def test_only_a_person_of_the_role_decides_and_an_administrator(role):
    for asking in UserRole:
        person = Principal(PrincipalKind.USER, "x", role=asking)
        if asking in {role, UserRole.ADMIN}:
            check_reviewer(person, role.value)
        else:
            with pytest.raises(ForbiddenError):
                check_reviewer(person, role.value)
    for kind in set(PrincipalKind) - {PrincipalKind.USER}:
        with pytest.raises(ForbiddenError):
            check_reviewer(Principal(kind, "x", role=UserRole.ADMIN), role.value)
