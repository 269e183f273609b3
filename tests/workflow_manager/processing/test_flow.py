"""Where the cases of a rule are, in numbers."""

import pytest
from images import SERIES
from workflow_service import WORKFLOW, a_port

pytestmark = pytest.mark.timeout(240)


async def test_what_came_of_a_rule_is_counted_at_each_of_its_parts(working):
    async with working(dispatch_backoff_s=[600.0]) as works:
        service = works.service
        await works.ward.add_target("PACS", a_port())
        await works.module("smooth", "derive(images[0])")
        await works.module("grade", "raise SystemExit(int(settings['code']))")
        await works.rule(
            "smooth",
            "grade",
            name="smooth-it",
            action="both",
            target=["PACS"],
            processing_settings={"code": 1},
            notification_email="ada@example.org",
            notification_trigger_error=True,
        )
        empty = await service.get("/rules/smooth-it/flow")
        assert (empty["series"], empty["cases"], empty["images"]) == (0, {}, 0)
        assert [step["module"] for step in empty["steps"]] == ["smooth", "grade"]
        assert empty["targets"] == [
            {"target": "PACS", "waiting": 0, "sending": 0, "sent": 0, "failed": 0}
        ]
        await works.series(SERIES, 1, 2)
        await works.ward.case("failed", rule="smooth-it")

        flow = await service.get("/rules/smooth-it/flow?hours=1")
        assert (flow["series"], flow["images"], flow["cases"]) == (1, 2, {"failed": 1})
        first, second = flow["steps"]
        assert (first["done"], first["failed"], second["done"], second["failed"]) == (1, 0, 0, 1)
        (told,) = flow["notifications"]
        assert told["channel"] == "email"
        assert flow["review"] == {"waiting": 0, "overdue": 0, "approved": 0, "rejected": 0}
        answer = await service.user.get(f"{WORKFLOW}/rules/nonsense/flow")
        assert answer.status_code == 404


async def test_what_is_sent_and_what_waits_for_a_person_is_counted(working):
    async with working(dispatch_backoff_s=[600.0]) as works:
        service = works.service
        await works.ward.add_target("PACS", a_port())
        await works.module("smooth", "derive(images[0])")
        await works.rule(
            "smooth",
            name="Look",
            action="both",
            target=["PACS"],
            processing_review={"role": "medical"},
        )
        await works.series(SERIES, 1)
        await works.run("review")
        assert (await service.get("/rules/Look/flow"))["review"]["waiting"] == 1
        (case,) = await service.get("/cases")
        await works.ward.post(
            f"/cases/{case['id']}/processing/review", {"decision": "approve", "comment": ""}
        )
        await works.ward.case("dispatching", rule="Look")
        flow = await service.get("/rules/Look/flow")
        assert (flow["review"]["approved"], flow["review"]["waiting"]) == (1, 0)
        (target,) = flow["targets"]
        assert target["waiting"] + target["sending"] == 1
