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


async def at_gate(works, second=DERIVE, **gate):
    """Return a case whose first module of two has ended, and that waits at the gate behind it."""
    await works.module("segment", DERIVE)
    await works.module("grade", second)
    gates = [{"after": 1, **gate}]
    await works.rule("segment", "grade", action="both", target="PACS", processing_gates=gates)
    await works.series(SERIES, 1)
    await works.run("review")
    return await works.ward.case("processing", rule="process")


@POSTGRESQL_IN_CI
async def test_between_two_modules_a_person_decides_whether_the_next_one_runs(
    working, node, headers_of, migrated_url
):
    async with working(database_url=migrated_url) as works:
        await works.ward.add_target("PACS", node.port)
        case = await at_gate(works, role="scientist", deadline_s=86_400)
        waits = "Waits for a review of step 1 (segment) by somebody whose role is scientist, until"
        assert case["reason"].startswith(waits)
        assert case["waits_until"] is not None
        (run,) = await works.service.get("/processing")
        (gate,) = run["gates"]
        assert (gate["after"], gate["state"], run["review"]) == (1, "waiting", None)
        assert [step["state"] for step in run["steps"]] == ["succeeded", "waiting"]
        flow = await works.service.get("/rules/process/flow")
        assert [(one["after"], one["waiting"]) for one in flow["gates"]] == [(1, 1)]
        assert flow["review"]["waiting"] == 0
        assert works.service.wiring.processing == {}  # it holds no slot
        medical = headers_of(UserRole.MEDICAL)
        await review(works, case, "approve", status=403, headers=medical)
        scientist = headers_of(UserRole.SCIENTIST, "ada")
        await review(works, case, "approve", headers=scientist, comment="sharp")
        await works.ward.case("done", rule="process")
        assert node.received == [f"{SERIES}.9.9.1"]
        (ended,) = await works.service.get("/processing")
        assert [step["state"] for step in ended["steps"]] == ["succeeded", "succeeded"]
        assert ended["started_at"] == run["started_at"]
        (gate,) = ended["gates"]
        told = gate["state"], gate["decided_by"], gate["comment"]
        assert told == ("approved", "user:ada", "sharp")
        (event,) = await works.service.get(f"/journal?subject={run['id']}&type=processing.reviewed")
        assert (event["data"]["after"], event["data"]["review"]) == (1, "approved")


@pytest.mark.long
async def test_at_a_gate_what_is_rejected_ends_and_is_asked_for_again(working, node):
    async with working() as works:
        await works.ward.add_target("PACS", node.port)
        case = await at_gate(works)
        await review(works, case, "reject")
        case = await works.ward.case("failed", rule="process")
        assert case["reason"] == "The review rejected it: user:tester."
        (run,) = await works.service.get("/processing")
        assert (run["state"], run["gates"][0]["state"]) == ("rejected", "rejected")
        assert run["steps"][1]["reason"].startswith("It did not begin.")
        again = f"/cases/{case['id']}/processing/retry"
        await works.ward.post(again, {"step": 2})  # what the first made is still there
        run = await works.run("review", number=2)
        assert [step["state"] for step in run["steps"]] == ["reused", "waiting"]
        await review(works, case, "approve")
        await works.ward.case("done", rule="process")
        assert node.received == [f"{SERIES}.9.9.1"]


@pytest.mark.long
async def test_a_gate_outlives_a_restart_and_what_a_crash_repeats_runs_nothing(working, node):
    async with working() as works:
        await works.ward.add_target("PACS", node.port)
        case = await at_gate(works)
        (run,) = await works.service.get("/processing")
        do = ProcessingSteps(works.service.wiring)
        assert await do.compute(run["id"], 2) == {"ended": True}
        assert await works.service.get("/processing") == [run]
        await works.ward.post("/queues/modules/pause", {"reason": "the tests look in between"})
    async with working() as works:
        await review(works, case, "approve")
        # The workflow of before comes late: another one has the run by now.
        assert await ProcessingSteps(works.service.wiring).compute(run["id"], 2) == {"ended": True}
        answer = await works.service.user.post(f"{WORKFLOW}/queues/modules/resume")
        assert answer.status_code == 204
        await works.ward.case("done", rule="process")
        assert node.received == [f"{SERIES}.9.9.1"]


@pytest.mark.long
async def test_who_has_let_a_chain_go_on_is_not_asked_again_when_the_next_module_failed(
    working, node
):
    async with working() as works:
        await works.ward.add_target("PACS", node.port)
        case = await at_gate(works, second="sys.exit(3)")
        await review(works, case, "approve")
        await works.ward.case("failed", rule="process")
        await works.module_changed("grade", DERIVE)
        await works.ward.post(f"/cases/{case['id']}/processing/retry")
        await works.ward.case("done", rule="process")
        last, first = await works.service.get("/processing")
        assert ([gate["state"] for gate in first["gates"]], last["gates"]) == (["approved"], [])


@pytest.mark.long
async def test_at_the_deadline_of_a_gate_the_chain_goes_on_where_the_rule_says_so(working, node):
    async with working() as works:
        await works.ward.add_target("PACS", node.port)
        await works.module("segment", DERIVE)
        await works.module("grade", DERIVE)
        gate = {"after": 1, "deadline_s": 0.2, "at_deadline": "approve"}
        await works.rule(
            "segment",
            "grade",
            action="both",
            target="PACS",
            processing_gates=[gate],
            processing_review={},
            processing_deadline_s=120.0,
        )
        await works.series(SERIES, 1)

        async def behind_all():
            (run,) = await works.service.get("/processing?state=review") or [None]
            return run and run["review"] and run

        run = await until(behind_all)
        assert (run["gates"][0]["decided_by"], run["review"]["state"]) == ("deadline", "waiting")
        case = await works.ward.case("processing", rule="process")
        await review(works, case, "approve")
        await works.ward.case("done", rule="process")


async def test_a_gate_stands_between_two_modules(working):
    async with working() as works:
        await works.module("segment", DERIVE)
        for gates, why in (
            ([{"after": 1}], "No module follows module 1."),
            ([{"after": 2}, {"after": 2}], "Two gates stand behind module 2."),
        ):
            modules = ["segment"] if len(gates) == 1 else ["segment"] * 3
            answer = await works.service.user.post(
                f"{WORKFLOW}/rules",
                json={
                    "name": "gated",
                    "rule": "True",
                    "action": "process",
                    "processing_module": modules,
                    "processing_gates": gates,
                },
            )
            assert answer.status_code == 422
            assert "processing_gates" in answer.text
            assert why in answer.text


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
