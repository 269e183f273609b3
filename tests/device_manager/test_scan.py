"""A scan from the start to its result, and everything that may go wrong on the way."""

import asyncio
import hashlib
import json


async def test_a_scan_goes_from_start_to_result(lab):
    async with lab.scanner(parameter={"larmor_frequency": 2.1e6}) as scanner:
        task = await lab.create_task(scanner.device_id)
        answer = await lab.start(task)
        assert answer.status_code == 200, answer.text
        start = await scanner.accept()
        assert answer.json()["acquisition_id"] == start["acquisition_id"]
        assert start["id"] == task["id"]
        assert start["device_parameter"] == {"larmor_frequency": 2.1e6}
        assert start["acquisition_limits"]["patient_weight"] == 60
        await lab.acquisition_becomes(task["id"], "accepted")
        assert (await lab.task(task["id"]))["status"] == "STARTED"

        await scanner.status("BUSY", start, progress=40)
        assert (await scanner.hear("feedback"))["ok"]
        await lab.acquisition_becomes(task["id"], "running")
        assert (await lab.device(scanner.device_id))["status"] == "BUSY"
        await lab.eventually(lambda: lab.task(task["id"]), lambda seen: seen["progress"] == 40)

        await _its_data_become_the_result(lab, scanner, start)
    await lab.device_becomes(scanner.device_id, "OFFLINE")
    kinds = ("requested", "accepted", "running", "finished")
    await lab.tells(*(f"acquisition.{kind}" for kind in kinds))
    assert len([event for event in lab.events if event.type.startswith("acquisition.")]) == 4


async def _its_data_become_the_result(lab, scanner, start):
    data = bytes(range(256)) * 5000
    verdict = await scanner.upload(start, "data.mrd", data)
    assert verdict["ok"], verdict
    assert "saved" in verdict["message"]
    done = await lab.task(start["id"])
    assert (done["status"], done["progress"]) == ("FINISHED", 100)
    (result,) = done["results"]
    assert result["id"] == verdict["result_id"]
    assert result["type"] == "MRD"
    assert result["files"] == ["data.mrd", "device_parameter.json"]
    assert result["meta"]["sha256"] == hashlib.sha256(data).hexdigest()
    folder = lab.folder(start, result["id"])
    assert (folder / "data.mrd").read_bytes() == data
    assert json.loads((folder / "device_parameter.json").read_text()) == {
        "device_id": scanner.device_id,
        "parameter_version": 1,
        "parameter": {"larmor_frequency": 2.1e6},
    }
    assert lab.files() == ["data.mrd", "device_parameter.json"]
    row = await lab.acquisition(start["id"])
    assert (row["state"], row["result_id"]) == ("finished", result["id"])


async def test_a_device_that_says_when_it_is_free_is_busy_until_then(lab):
    """Its data are stored, and it still has to do: a start now would be refused by it."""
    async with lab.scanner(capabilities=("ack", "stop", "idle")) as scanner:
        start = await lab.started(scanner)
        assert (await scanner.upload(start, "data.mrd", b"whole"))["ok"]
        await lab.task_becomes(start["id"], "FINISHED")
        following = await lab.create_task(scanner.device_id)
        refused = await lab.start(following)
        assert refused.status_code == 409
        assert "says so itself" in refused.json()["detail"]

        asked = asyncio.create_task(lab.start(following))
        await scanner.status("ONLINE")
        assert (await asked).status_code == 200
        await scanner.accept()


async def test_a_device_that_does_not_is_free_when_its_data_are_stored(lab):
    async with lab.scanner(capabilities=("ack", "stop")) as scanner:
        start = await lab.started(scanner)
        assert (await scanner.upload(start, "data.mrd", b"whole"))["ok"]
        await lab.task_becomes(start["id"], "FINISHED")
        await lab.device_becomes(scanner.device_id, "ONLINE")
        await lab.started(scanner)
