"""A target that took nothing, and was then mended: what people read, and what brings it back."""

import pytest
from workflow_service import WORKFLOW, a_port, until


async def part_of(service, state, *words):
    """Wait until the health of the target is in a state, and return what it says."""

    async def told():
        parts = (await service.get("/health/detail"))["parts"]
        part = next(part for part in parts if part["kind"] == "target")
        fits = part["state"] == state and all(word in part["detail"] for word in words)
        return part if fits else None

    return await until(told)


@pytest.mark.long
async def test_a_target_whose_every_send_fails_says_so_until_one_gets_through(
    serving, ward_of, node
):
    async with serving(series_quiet_s=0.2, dispatch_backoff_s=()) as service:
        ward, wrong = ward_of(service), a_port()
        await ward.add_target("PACS", wrong)
        await ward.add_rule("all")
        for number in (1, 2):
            await ward.receive(f"1.{number}", 1)
            await ward.case("failed", series_instance_uid=f"1.{number}")
        said = "2 series have failed since", "none was sent", f"127.0.0.1:{wrong}"
        assert (await part_of(service, "failing", *said))["numbers"]["failed"] == 2
        target = await service.get("/targets/PACS")
        document = {name: target[name] for name in ("name", "ip", "aet_target")}
        answer = await service.user.put(
            f"{WORKFLOW}/targets/PACS", json={**document, "port": node.port}
        )
        assert answer.status_code == 200, answer.text
        await part_of(service, "warning", "The settings were changed since: send again.")
        dispatches = await service.get("/dispatches?status=failed")
        for dispatch in dispatches:
            await ward.post(f"/dispatches/{dispatch['id']}/retry")
        for number in (1, 2):
            done = await ward.case("done", series_instance_uid=f"1.{number}")
            assert done["reason"] == "Sent to PACS."
        part = await part_of(service, "ok", "Nothing to send.")
        assert "failed" not in part["numbers"]
    assert sorted(node.received) == ["1.1.1", "1.2.1"]
