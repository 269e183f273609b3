"""The safety gate on a running installation: asked before a start, and at every start."""

import hashlib
from typing import Any
from uuid import UUID

import pytest
from planned_scans import judged
from scanner_lab import DEVICE, EXAM, Lab, Scanner

from exam_manager.sequences.pulseq import read_facts
from scanhub_device.simulator import SimulatedScanner, default_sequence
from scanhub_libraries.clients import DeviceManagerClient
from scanhub_libraries.errors import ConflictError
from scanhub_libraries.models import (
    AcquisitionTaskOut,
    ConfirmSafety,
    SafetyRequest,
    SafetyVerdict,
    SystemLimits,
    UserRole,
)

SEQUENCE = default_sequence().read_text()
SHA256 = hashlib.sha256(SEQUENCE.encode()).hexdigest()
COIL = {"pns_rheobase": 20.0, "pns_coil_lengths": [0.2, 0.2, 0.2]}
STRONG = {"max_gradients": [40, 40, 40], "max_slew_rates": [200, 200, 200], **COIL}
WEAK = {**STRONG, "max_gradients": [25, 40, 25]}
FIRST_LEVEL = {"sar_coefficient": 4600.0}
"""B1+rms of the sequence is 0.193 uT: 2.85 W/kg at 60 kg."""
BEYOND = {"sar_coefficient": 9200.0}
REASON = "The contrast needs the flip angle"


@pytest.fixture
async def sequence_id(lab: Lab) -> str:
    return await upload(lab)


async def upload(lab: Lab) -> str:
    made = await lab.exam.post(
        f"{EXAM}/sequence", data={"name": "gre"}, files={"seq_file": ("a.seq", SEQUENCE)}
    )
    assert made.status_code == 201, made.text
    return made.json()["_id"]


async def judge(lab: Lab, device_id: str, task: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = await lab.http.post(
        f"{DEVICE}/{device_id}/safety", json={"task_id": task["id"], **body}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def confirming(task: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    return {**task, "safety_confirmation": {"fingerprint": found["fingerprint"], "reason": REASON}}


def codes(found: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in found["reasons"] if reason["severity"] != "note"]


async def change_patient(lab: Lab, task: dict[str, Any], **changes: Any) -> None:
    workflow = (await lab.exam.get(f"{EXAM}/workflow/{task['workflow_id']}")).json()
    exam = (await lab.exam.get(f"{EXAM}/{workflow['exam_id']}")).json()
    path = f"/api/v1/patient/{exam['patient_id']}"
    patient = (await lab.exam.get(path)).json()
    lying = {**exam, "patient_position": "FFS", "status": "UPDATED"}
    for url, body in ((path, {**patient, **changes}), (f"{EXAM}/{exam['id']}", lying)):
        answer = await lab.exam.put(url, json=body)
        assert answer.status_code == 200, answer.text


async def finish(lab: Lab, scanner: Scanner) -> dict[str, Any]:
    start = await scanner.run()
    assert (await scanner.upload(start, "data.npy", b"x"))["ok"]
    await lab.task_becomes(start["id"], "FINISHED")
    return start


async def test_a_verdict_can_be_asked_for_and_starts_nothing(lab, sequence_id):
    async with lab.scanner(system_limits=STRONG, parameter=FIRST_LEVEL) as scanner:
        task = await lab.create_task(scanner.device_id, sequence_id=sequence_id)
        found = await judge(lab, scanner.device_id, task)
        assert (found["outcome"], found["operating_mode"]) == ("confirm", "first_level")
        assert codes(found) == ["sar-first-level"]
        assert found["basis"]["sequence_sha256"] == SHA256
        assert found["basis"]["patient"]["patient_weight"] == 60
        assert 2.8 < found["estimates"]["sar_6min_w_per_kg"] < 2.9
        draft = {"fov_scaling": {"x": 0.5, "y": 1, "z": 1}}
        wider = await judge(lab, scanner.device_id, task, acquisition_parameter=draft)
        assert wider["outcome"] == "refuse"
        assert "max-gradient" in codes(wider)
        assert wider["fingerprint"] != found["fingerprint"]
        assert await lab.acquisitions(task["id"]) == []
        assert (await lab.task(task["id"]))["status"] == "NEW"
        await scanner.hear_nothing()


async def test_a_task_that_only_calibrates_is_judged_too(lab, sequence_id):
    async with lab.scanner(system_limits=STRONG) as scanner:
        task = await lab.create_task(scanner.device_id)
        found = await judge(lab, scanner.device_id, task)
        assert found["outcome"] == "pass"
        told = [reason["code"] for reason in found["reasons"]]
        assert told == ["not-screened", "position-not-told", "no-sequence"]
        drafted = await judge(lab, scanner.device_id, task, sequence_id=sequence_id)
        assert drafted["basis"]["sequence_sha256"] == SHA256
        assert (await lab.start(task)).status_code == 200
        await scanner.run()
        row = await lab.acquisition(task["id"])
        assert row["sequence_sha256"] is None
        assert row["safety"]["verdict"]["outcome"] == "pass"


async def test_what_the_device_cannot_play_is_refused_with_every_reason(lab, sequence_id):
    limits = {**WEAK, "max_duration": 0.5, "rf_dead_time": 200e-6}
    async with lab.scanner(system_limits=limits) as scanner:
        task = await lab.create_task(scanner.device_id, sequence_id=sequence_id)
        answer = await lab.start(task)
        assert answer.status_code == 422
        problem = answer.json()
        assert len(problem["reasons"]) == 4
        assert codes(problem["safety"]) == [*["max-gradient"] * 2, "max-duration", "rf-dead-time"]
        assert "27.96 mT/m" in problem["detail"]
        assert "25 mT/m" in problem["detail"]
        assert (await lab.task(task["id"]))["status"] == "NEW"
        assert await lab.acquisitions(task["id"]) == []
        await scanner.hear_nothing()


async def test_a_refusal_tells_what_else_is_wrong(lab, sequence_id):
    credentials = await lab.create_device()
    async with lab.scanner(credentials, system_limits=WEAK):
        pass
    await lab.device_becomes(credentials["device_id"], "OFFLINE")
    task = await lab.create_task(credentials["device_id"], sequence_id=sequence_id)
    problem = (await lab.start(task)).json()
    assert problem["status"] == 422
    assert "Device offline" in problem["reasons"][0]
    assert len(problem["reasons"]) == 3


async def test_a_device_that_tells_no_limits_starts_as_ever_with_notes(lab, sequence_id):
    async with lab.scanner(capabilities=()) as scanner:
        task = await lab.create_task(scanner.device_id, sequence_id=sequence_id)
        assert (await lab.start(task)).status_code == 200
        start = await finish(lab, scanner)
        sent = hashlib.sha256(start["sequence"]["seq_file"].encode()).hexdigest()
        row = await lab.acquisition(task["id"])
        found = row["safety"]["verdict"]
        assert row["sequence_sha256"] == found["basis"]["sequence_sha256"] == sent == SHA256
        assert found["outcome"] == "pass"
        assert {reason["severity"] for reason in found["reasons"]} == {"note"}
        assert row["safety"]["confirmation"] is None


async def test_the_gate_costs_a_start_no_further_request(lab, sequence_id):
    async with lab.scanner(system_limits=STRONG) as scanner:
        for round_ in range(2):
            task = await lab.create_task(scanner.device_id, sequence_id=sequence_id)
            before = len(lab.exam_gate.requests)
            assert (await lab.start(task)).status_code == 200
            asked = lab.exam_gate.requests[before:]
            claim = f"{EXAM}/task/{task['id']}/claim"
            assert asked == ([f"{EXAM}/sequence/{sequence_id}", claim], [claim])[round_]
            await finish(lab, scanner)


async def test_first_level_takes_a_named_person(lab, sequence_id, headers_of):
    medical = headers_of(UserRole.MEDICAL)
    async with lab.scanner(system_limits=STRONG, parameter=FIRST_LEVEL) as scanner:
        task = await lab.create_task(scanner.device_id, sequence_id=sequence_id)
        refused = await lab.start(task, headers=medical)
        assert refused.status_code == 409
        problem = refused.json()
        assert codes(problem["safety"]) == ["sar-first-level"]
        assert problem["reasons"] == [problem["safety"]["reasons"][0]["text"]]
        # The task was taken for a moment, and is as good as new.
        assert (await lab.task(task["id"]))["status"] == "UPDATED"
        (tried,) = await lab.acquisitions(task["id"])
        assert (tried["state"], tried["error_code"]) == ("failed", "safety")
        assert tried["reason"] == "Not started: a person has to confirm it (sar-first-level)."
        await scanner.hear_nothing()

        started = await lab.start(confirming(task, problem["safety"]), headers=medical)
        assert started.status_code == 200, started.text
        # On record before the device has said a word.
        row = await lab.acquisition(task["id"])
        assert row["state"] == "requested"
        confirmation = row["safety"]["confirmation"]
        assert (confirmation["role"], confirmation["reason"]) == ("medical", REASON)
        assert confirmation["sequence_sha256"] == row["sequence_sha256"] == SHA256
        assert confirmation["patient"]["patient_weight"] == 60
        start = await finish(lab, scanner)
        assert "safety_confirmation" not in start
        told = await lab.eventually(
            lambda: _events(lab, "acquisition.finished"), lambda events: len(events) == 1
        )
        assert told[0].data["safety"]["confirmed_by"] == confirmation["confirmed_by"]
        assert told[0].data["safety"]["codes"][0] == "sar-first-level"
        assert told[0].data["sequence_sha256"] == SHA256
        assert "patient" not in str(told[0].data["safety"])


async def _events(lab: Lab, name: str) -> list[Any]:
    return [event for event in lab.events if event.type == name]


async def test_a_scan_with_an_implant_takes_a_named_person_and_the_device_is_told(lab, sequence_id):
    async with lab.scanner(system_limits=STRONG) as scanner:
        task = await lab.create_task(scanner.device_id, sequence_id=sequence_id)
        await change_patient(lab, task, implants=["Pacemaker"])
        refused = await lab.start(task)
        assert refused.status_code == 409
        assert codes(refused.json()["safety"]) == ["implant"]
        assert "Pacemaker" not in refused.text
        found = await judge(lab, scanner.device_id, task)
        assert (await lab.start(confirming(task, found))).status_code == 200
        start = await finish(lab, scanner)
        sent = start["acquisition_limits"]
        assert (sent["has_implant"], sent["patient_position"]) == (True, "FFS")
        [acquisition] = [a for a in await lab.acquisitions(task["id"]) if a["state"] == "finished"]
        assert acquisition["safety"]["confirmation"]["codes"] == ["implant"]


async def test_an_engineer_does_not_confirm_for_the_clinic(lab, sequence_id, headers_of):
    async with lab.scanner(system_limits=STRONG, parameter=FIRST_LEVEL) as scanner:
        task = await lab.create_task(scanner.device_id, sequence_id=sequence_id)
        engineer = headers_of(UserRole.ENGINEER)
        problem = (await lab.start(task, headers=engineer)).json()
        answer = await lab.start(confirming(task, problem["safety"]), headers=engineer)
        assert answer.status_code == 403
        assert "may not confirm" in answer.json()["detail"]
        assert answer.json()["safety"]["outcome"] == "confirm"
        await scanner.hear_nothing()


async def test_a_confirmation_does_not_outlive_the_patients_weight(lab, sequence_id):
    async with lab.scanner(system_limits=STRONG, parameter=FIRST_LEVEL) as scanner:
        task = await lab.create_task(scanner.device_id, sequence_id=sequence_id)
        found = await judge(lab, scanner.device_id, task)
        await change_patient(lab, task, weight=55.0)
        answer = await lab.start(confirming(task, found))
        assert answer.status_code == 409
        assert "What was confirmed" in answer.json()["reasons"][0]
        again = answer.json()["safety"]
        assert again["basis"]["patient"]["patient_weight"] == 55
        assert (await lab.start(confirming(task, again))).status_code == 200
        await finish(lab, scanner)


async def test_nobody_confirms_what_is_beyond_first_level(lab, sequence_id):
    async with lab.scanner(system_limits=STRONG, parameter=BEYOND) as scanner:
        task = await lab.create_task(scanner.device_id, sequence_id=sequence_id)
        found = await judge(lab, scanner.device_id, task)
        assert found["operating_mode"] == "beyond_first_level"
        answer = await lab.start(confirming(task, found))
        assert answer.status_code == 422
        assert codes(answer.json()["safety"])[0] == "sar-beyond-first-level"
        await scanner.hear_nothing()


async def test_what_the_body_invents_of_the_patient_or_the_plan_does_not_count(lab, sequence_id):
    heavy = {
        "patient_height": 170,
        "patient_weight": 500,
        "patient_gender": "FEMALE",
        "patient_age": 36,
    }
    narrow = {"fov_scaling": {"x": 0.5, "y": 1, "z": 1}}
    async with lab.scanner(system_limits=STRONG, parameter=BEYOND) as scanner:
        task = await lab.create_task(scanner.device_id, sequence_id=sequence_id)
        answer = await lab.start({**task, "acquisition_limits": heavy})
        assert answer.status_code == 422
        assert answer.json()["safety"]["basis"]["patient"]["patient_weight"] == 60
        await scanner.hear_nothing()
    async with lab.scanner(system_limits=STRONG) as scanner:
        task = await lab.create_task(scanner.device_id, sequence_id=sequence_id)
        assert (await lab.start({**task, "acquisition_parameter": narrow})).status_code == 200
        assert (await scanner.run())["acquisition_parameter"] is None
    async with lab.scanner(system_limits=STRONG) as scanner:
        task = await lab.create_task(
            scanner.device_id, sequence_id=sequence_id, acquisition_parameter=narrow
        )
        answer = await lab.start({**task, "acquisition_parameter": None})
        assert answer.status_code == 422
        assert "max-gradient" in codes(answer.json()["safety"])
        await scanner.hear_nothing()


async def test_a_refused_start_leaves_the_device_free_and_the_task_as_good_as_new(lab, sequence_id):
    async with lab.scanner(system_limits=STRONG, parameter=BEYOND) as scanner:
        task = await lab.create_task(scanner.device_id, sequence_id=sequence_id)
        for _ in range(2):  # the first is claimed before the weight is known, the second is not
            assert (await lab.start(task)).status_code == 422
            task = await lab.task(task["id"])
            assert task["status"] == "UPDATED"
            assert "refuses it (sar-beyond-first-level" in task["status_reason"]
            assert "kg" not in task["status_reason"]
        assert len(await lab.acquisitions(task["id"])) == 1
        other = await lab.create_task(scanner.device_id)
        assert (await lab.start(other)).status_code == 200
        await scanner.run()


@pytest.mark.long
async def test_a_confirmation_is_kept_on_postgresql_over_a_restart(make_lab, copied_postgresql):
    url = copied_postgresql("device_manager")
    async with make_lab(database_url=url) as lab:
        sequence_id, credentials = await upload(lab), await lab.create_device()
        async with lab.scanner(credentials, system_limits=STRONG, parameter=FIRST_LEVEL) as scanner:
            task = await lab.create_task(scanner.device_id, sequence_id=sequence_id)
            found = await judge(lab, scanner.device_id, task)
            assert (await lab.start(confirming(task, found))).status_code == 200
            await finish(lab, scanner)
        before = await lab.acquisition(task["id"])
    async with make_lab(database_url=url) as lab:
        after = await lab.acquisition(task["id"])
        assert after["safety"] == before["safety"]
        assert after["safety"]["confirmation"]["fingerprint"] == found["fingerprint"]


async def test_each_start_is_judged_anew(lab, sequence_id):
    credentials = await lab.create_device()
    async with lab.scanner(credentials, system_limits=STRONG) as scanner:
        task = await lab.create_task(scanner.device_id, sequence_id=sequence_id)
        assert (await lab.start(task)).status_code == 200
        await finish(lab, scanner)
        await scanner.register(system_limits=WEAK)
        assert (await lab.start(task)).status_code == 422
        await scanner.register(system_limits=STRONG)
        assert (await lab.start(task)).status_code == 200
        await scanner.run()


async def test_a_file_that_is_not_what_was_analysed_is_not_sent(lab, sequence_id):
    (file,) = (lab.lake_root / "sequences").rglob("*.seq")
    file.write_text(SEQUENCE.replace("[VERSION]", "[VERSION]\n"))
    async with lab.scanner() as scanner:
        task = await lab.create_task(scanner.device_id, sequence_id=sequence_id)
        answer = await lab.start(task)
        assert answer.status_code == 422, answer.text
        assert "SHA-256" in answer.json()["detail"]
        asked = await lab.http.post(
            f"{DEVICE}/{scanner.device_id}/safety", json={"task_id": task["id"]}
        )
        assert asked.status_code == 422
        await scanner.hear_nothing()


async def test_the_typed_client_judges_confirms_and_starts(lab, sequence_id):
    client = DeviceManagerClient(lab.http)
    async with lab.scanner(system_limits=STRONG, parameter=FIRST_LEVEL) as scanner:
        made = await lab.create_task(scanner.device_id, sequence_id=sequence_id)
        task = AcquisitionTaskOut.model_validate(made)
        found = await client.judge_scan(UUID(scanner.device_id), SafetyRequest(task_id=task.id))
        with pytest.raises(ConflictError) as refused:
            await client.start_scan(task)
        assert SafetyVerdict.model_validate(refused.value.extensions["safety"]).basis == found.basis
        read = ConfirmSafety(fingerprint=found.fingerprint, reason=REASON)
        started = await client.start_scan(task, confirmation=read)
        assert (await scanner.run())["acquisition_id"] == str(started.acquisition_id)


@pytest.mark.parametrize(
    "wrong", [{"fingerprint": "x", "reason": REASON}, {"fingerprint": "0" * 64, "reason": ""}]
)
async def test_a_confirmation_that_is_none_is_named(lab, wrong):
    task = await lab.create_task(None)
    answer = await lab.start({**task, "safety_confirmation": wrong})
    assert answer.status_code == 422
    assert "/body/safety_confirmation" in answer.json()["errors"][0]["pointer"]


async def test_a_verdict_on_what_is_not_there(lab):
    credentials = await lab.create_device()
    task = await lab.create_task(credentials["device_id"])
    nobody = "00000000-0000-7000-8000-000000000000"
    for device_id, task_id in ((nobody, task["id"]), (credentials["device_id"], nobody)):
        answer = await lab.http.post(f"{DEVICE}/{device_id}/safety", json={"task_id": task_id})
        assert answer.status_code == 404


def test_the_simulated_scanner_plays_what_it_is_shown_with():
    details = SimulatedScanner().details
    found = judged(
        facts=read_facts(SEQUENCE.encode()),
        system_limits=SystemLimits.model_validate(details.system_limits.model_dump()),
        device_parameter=details.parameter,
    )
    assert (found.outcome, found.operating_mode) == ("pass", "normal"), found.reasons
    assert found.reasons == []
