"""What no database can hold in the words of a device: cleaned where it matters, else refused."""

import logging

from scanner_lab import reporter

NUL = "a\x00b"


async def test_a_nul_in_the_words_of_a_device_costs_no_failure(make_lab, copied_postgresql, caplog):
    can = ("ack", "stop", "pause", "parameter_update")
    async with (
        make_lab(database_url=copied_postgresql("device_manager")) as lab,
        lab.scanner(capabilities=can) as scanner,
    ):
        for refused in (
            {"command": "register", "data": {"device_name": NUL}},
            {"command": "register", "data": {"parameter": {NUL: 1}}},
            {"command": "parameter_update", "parameter": {}, "comment": NUL},
        ):
            await scanner.say(**refused)
            assert not (await scanner.hear("feedback"))["ok"], refused
        start = await lab.started(scanner)
        await scanner.announce(start, f"{NUL}.mrd", b"x")
        assert not (await scanner.hear("feedback"))["ok"]
        await scanner.announce(start, "data.mrd", b"x", content_type=NUL)
        await scanner.say(command="paused", task_id=start["id"], reason=NUL)
        assert (await lab.acquisition_becomes(start["id"], "paused"))["reason"] == "ab"
        await scanner.say(command="resumed", task_id=start["id"])
        await lab.acquisition_becomes(start["id"], "running")
        words = {"error_message": NUL * 10_000, "error_code": NUL * 90}
        await scanner.say(command="update_status", status="ERROR", data=words, **reporter(start))
        row = await lab.acquisition_becomes(start["id"], "failed")
        assert row["reason"].startswith("abab")
        assert len(row["error_code"]) == 64
        assert (await lab.task_becomes(start["id"], "ERROR"))["status_reason"]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
