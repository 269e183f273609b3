"""Calibrations: asked for by themselves or with a scan, what they give, and how each one ends."""

import asyncio

import pytest
from scanner_lab import DEVICE, Scanner, reporter

CAN = ("ack", "stop", "calibrate", "parameter_update")
PARAMETER = {"larmor_frequency": 2_000_000.0, "shims": [0.0, 0.0, 0.0]}
MEASURED = {"larmor_frequency": 2_000_143.0}
SCHEMA = {
    "type": "object",
    "properties": {
        "larmor_frequency": {"type": "number", "minimum": 1.9e6, "maximum": 2.1e6},
        "flip_angle_calibration": {"type": "number", "minimum": 0.1, "maximum": 10},
        "sar_coefficient": {"type": "number", "readOnly": True},
    },
}


async def ask(lab, device_id, *kinds):
    body = {"kinds": list(kinds or ["frequency"])}
    return await lab.http.post(f"{DEVICE}/{device_id}/calibrate", json=body)


async def history(lab, device_id, **params):
    answer = await lab.http.get(f"{DEVICE}/{device_id}/calibrations", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def all_ended(lab, device_id):
    return await lab.eventually(
        lambda: history(lab, device_id), lambda rows: all(row["ended_at"] for row in rows)
    )


async def answered(scanner, message):
    await scanner.say(command="calibrated", **message)
    return await scanner.hear("feedback")


@pytest.fixture
async def scanner(lab):
    async with lab.scanner(capabilities=CAN, parameter=PARAMETER) as scanner:
        await scanner.hear("parameter_update")
        yield scanner


async def test_what_is_measured_becomes_a_version_of_the_parameters(lab, scanner):
    asked = await ask(lab, scanner.device_id)
    assert asked.status_code == 202, asked.text
    order = await scanner.hear("calibrate")
    assert order["calibration_id"] == asked.json()[0]["id"]
    assert (order["kind"], order["device_parameter"]) == ("frequency", PARAMETER)
    await scanner.say(
        command="calibrated",
        calibration_id=order["calibration_id"],
        kind="frequency",
        values=MEASURED,
        quality={"snr_db": 31.2},
    )
    update = await scanner.hear("parameter_update")
    assert (update["version"], update["parameter"]) == (2, {**PARAMETER, **MEASURED})
    assert (await scanner.hear("feedback"))["ok"]
    path = f"{DEVICE}/{scanner.device_id}/calibrations/{order['calibration_id']}"
    row = (await lab.http.get(path)).json()
    assert (row["state"], row["parameter_version"], row["problem"]) == ("measured", 2, None)
    assert (row["values"], row["quality"]) == (MEASURED, {"snr_db": 31.2})
    assert row["requested_by"].startswith("user:")
    found = (await lab.http.get(f"{DEVICE}/{scanner.device_id}/parameter")).json()
    assert found["author"] == "calibration:frequency"

    async def told():
        return [event.data for event in lab.events if event.type.value == "device.calibrated"]

    (event,) = await lab.eventually(told, lambda found: len(found) == 1)
    assert (event["state"], event["parameter_version"]) == ("measured", 2)


async def test_one_kind_comes_after_the_other_with_what_was_measured_before(lab, scanner):
    await ask(lab, scanner.device_id, "frequency", "shims")
    first = await scanner.hear("calibrate")
    await scanner.hear_nothing()
    about = {"calibration_id": first["calibration_id"], "kind": "frequency"}
    await answered(scanner, {**about, "values": MEASURED})
    second = await scanner.hear("calibrate")
    assert (second["kind"], second["device_parameter"]["larmor_frequency"]) == (
        "shims",
        MEASURED["larmor_frequency"],
    )
    about = {"calibration_id": second["calibration_id"], "kind": "shims"}
    await answered(scanner, {**about, "values": {"shims": [1, 2, 3]}})
    rows = await all_ended(lab, scanner.device_id)
    assert [(row["kind"], row["parameter_version"]) for row in rows] == [
        ("shims", 3),
        ("frequency", 2),
    ]
    assert await history(lab, scanner.device_id, kind="shims") == rows[:1]
    assert await history(lab, scanner.device_id, limit=1, after=rows[0]["id"]) == rows[1:]


async def test_after_a_failure_the_rest_is_left_out_and_the_device_is_free(lab, scanner):
    await ask(lab, scanner.device_id, "frequency", "shims")
    order = await scanner.hear("calibrate")
    about = {"calibration_id": order["calibration_id"], "kind": "frequency"}
    assert (await answered(scanner, {**about, "error_message": "no signal"}))["ok"]
    shims, frequency = await all_ended(lab, scanner.device_id)
    assert (frequency["state"], frequency["problem"]) == ("failed", "no signal")
    assert shims["state"] == "failed"
    assert "before it failed" in shims["problem"]
    await scanner.hear_nothing()
    assert (await ask(lab, scanner.device_id)).status_code == 202


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"larmor_frequency": 3e6}, "larmor_frequency: 3000000"),
        ({"larmor_frequency": "high"}, "larmor_frequency"),
        ({"colour": 1}, "colour: is no parameter"),
        ({"sar_coefficient": 0.001}, "sar_coefficient: is set by people only"),
        ({"shims": [1.0, 2.0]}, "shims: has another form"),
    ],
)
async def test_what_is_not_plausible_is_kept_and_not_taken_over(lab, values, why):
    path = f"{DEVICE}/parameter-schemas/bench"
    assert (await lab.http.put(path, json={"document": SCHEMA})).status_code == 200
    async with lab.scanner(
        capabilities=("ack", "stop", "calibrate"), device_type="bench", parameter=PARAMETER
    ) as scanner:
        await ask(lab, scanner.device_id)
        order = await scanner.hear("calibrate")
        about = {"calibration_id": order["calibration_id"], "kind": "frequency"}
        good = {"flip_angle_calibration": 1.1}
        answer = await answered(scanner, {**about, "values": {**values, **good}})
        assert why in answer["message"]
        (row,) = await history(lab, scanner.device_id)
        assert row["values"] == {**values, **good}
        assert why in row["problem"]
        found = (await lab.http.get(f"{DEVICE}/{scanner.device_id}/parameter")).json()
        assert found["parameter"] == {**PARAMETER, **good}


async def test_values_that_the_device_wants_only_kept_change_nothing(lab, scanner):
    await ask(lab, scanner.device_id)
    order = await scanner.hear("calibrate")
    about = {"calibration_id": order["calibration_id"], "kind": "frequency"}
    await answered(scanner, {**about, "values": MEASURED, "apply": False})
    (row,) = await history(lab, scanner.device_id)
    assert (row["state"], row["parameter_version"]) == ("measured", None)
    assert (await lab.device(scanner.device_id))["parameter"] == PARAMETER


# --- who holds the device -------------------------------------------------------------------------


async def test_only_a_free_device_that_can_is_asked(lab, scanner):
    async with lab.scanner() as other:
        answer = await ask(lab, other.device_id)
        assert answer.status_code == 409
        assert "does not announce that it can calibrate" in answer.json()["detail"]
    await lab.device_becomes(other.device_id, "OFFLINE")
    assert (await ask(lab, other.device_id)).status_code == 503
    start = await lab.started(scanner)
    answer = await ask(lab, scanner.device_id)
    assert answer.status_code == 409
    assert start["id"] in answer.json()["detail"]
    nobody = "00000000-0000-7000-8000-000000000000"
    assert (await ask(lab, nobody)).status_code == 404


async def test_a_device_that_calibrates_starts_no_scan_and_no_other_calibration(lab, scanner):
    task = await lab.create_task(scanner.device_id)
    await ask(lab, scanner.device_id)
    order = await scanner.hear("calibrate")
    refused = await lab.start(task)
    assert refused.status_code == 409
    assert "calibrates" in refused.json()["detail"]
    assert (await ask(lab, scanner.device_id)).status_code == 409
    assert (await lab.http.delete(f"{DEVICE}/{scanner.device_id}")).status_code == 409
    assert (await lab.task(task["id"]))["status"] == "NEW"
    await answered(scanner, {"calibration_id": order["calibration_id"], "kind": "frequency"})
    assert (await lab.start(task)).status_code == 200
    await scanner.run()


async def test_of_many_who_ask_at_once_one_gets_the_device(lab, scanner):
    answers = await asyncio.gather(*(ask(lab, scanner.device_id) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409]
    assert len(await history(lab, scanner.device_id)) == 1


# --- nothing stays open ---------------------------------------------------------------------------


async def test_a_device_that_does_not_answer_is_stopped_and_free(make_lab):
    async with (
        make_lab(calibration_deadline_seconds=0.3) as lab,
        lab.scanner(capabilities=CAN) as scanner,
    ):
        await ask(lab, scanner.device_id, "frequency", "shims")
        order = await scanner.hear("calibrate")
        await scanner.hear("stop")
        rows = await all_ended(lab, scanner.device_id)
        assert {row["state"] for row in rows} == {"failed"}
        assert "did not answer within 0.3 s" in rows[0]["problem"]
        late = {"calibration_id": order["calibration_id"], "kind": "frequency"}
        answer = await answered(scanner, {**late, "values": MEASURED})
        assert not answer["ok"]
        assert "has ended" in answer["message"]
        assert (await ask(lab, scanner.device_id)).status_code == 202


async def test_a_stop_ends_a_calibration(lab, scanner):
    await ask(lab, scanner.device_id)
    await scanner.hear("calibrate")
    asking = asyncio.create_task(lab.stop(scanner.device_id))
    await scanner.hear("stop")
    await scanner.say(command="stopped", task_id=None)
    assert (await asking).json()["confirmed"]
    (row,) = await all_ended(lab, scanner.device_id)
    assert (row["state"], row["problem"]) == ("failed", "The device was stopped.")


async def test_an_error_of_the_device_ends_a_calibration(lab, scanner):
    await ask(lab, scanner.device_id)
    await scanner.hear("calibrate")
    await scanner.status("ERROR", error_message="the amplifier is off")
    (row,) = await all_ended(lab, scanner.device_id)
    assert (row["state"], row["problem"]) == ("failed", "the amplifier is off")


async def test_a_link_that_ends_or_is_replaced_ends_a_calibration(lab):
    credentials = await lab.create_device()
    async with lab.scanner(credentials, capabilities=CAN) as scanner:
        await ask(lab, scanner.device_id)
        await scanner.hear("calibrate")
    (row,) = await all_ended(lab, credentials["device_id"])
    assert "link" in row["problem"]
    async with lab.scanner(credentials, capabilities=CAN) as scanner:
        await ask(lab, scanner.device_id)
        await scanner.hear("calibrate")
        async with lab.scanner(credentials, capabilities=CAN):
            row, _ = await all_ended(lab, credentials["device_id"])
            assert "connected anew" in row["problem"]
            assert (await ask(lab, scanner.device_id)).status_code == 202


async def test_a_restart_ends_a_calibration(make_lab):
    async with make_lab() as lab:
        credentials = await lab.create_device()
        async with lab.connect(credentials) as websocket:
            scanner = Scanner(credentials["device_id"], websocket)
            await scanner.register(capabilities=CAN)
            await ask(lab, scanner.device_id)
            await scanner.hear("calibrate")
    async with make_lab() as lab, lab.scanner(credentials, capabilities=CAN) as scanner:
        (row,) = await history(lab, scanner.device_id)
        assert row["state"] == "failed"
        assert (await ask(lab, scanner.device_id)).status_code == 202


# --- with a scan ----------------------------------------------------------------------------------


async def test_the_calibrations_of_a_scan_are_tracked_and_their_values_taken_over(lab, scanner):
    start = await lab.started(scanner, calibration=["frequency", "shims"])
    rows = await history(lab, scanner.device_id, acquisition_id=start["acquisition_id"])
    assert [(row["kind"], row["state"]) for row in rows] == [
        ("shims", "requested"),
        ("frequency", "requested"),
    ]
    answer = await answered(scanner, {**reporter(start), "kind": "frequency", "values": MEASURED})
    assert answer["ok"], answer
    again = await answered(scanner, {**reporter(start), "kind": "frequency", "values": MEASURED})
    assert not again["ok"]
    verdict = await scanner.upload(start, "data.mrd", b"data")
    stored = (lab.folder(start, verdict["result_id"]) / "device_parameter.json").read_text()
    assert "2000143" in stored
    assert '"parameter_version": 2' in stored
    shims, frequency = await all_ended(lab, scanner.device_id)
    assert (frequency["state"], frequency["parameter_version"]) == ("measured", 2)
    assert frequency["task_id"] == start["id"]
    assert (shims["state"], shims["values"]) == ("failed", None)
    assert "nothing was reported" in shims["problem"]


async def test_a_scan_whose_calibration_failed_ends_as_the_device_says(lab, scanner):
    start = await lab.started(scanner)
    failed = {"kind": "frequency", "error_message": "no signal"}
    assert (await answered(scanner, {**reporter(start), **failed}))["ok"]
    assert (await lab.acquisition(start["id"]))["state"] == "running"
    await scanner.status("ERROR", start, error_message="calibration failed: no signal")
    await lab.acquisition_becomes(start["id"], "failed")
    (row,) = await history(lab, scanner.device_id)
    assert (row["state"], row["problem"]) == ("failed", "no signal")


async def test_a_report_with_a_foreign_token_or_none_is_refused(lab, scanner):
    start = await lab.started(scanner)
    async with lab.scanner(capabilities=CAN) as other:
        answer = await answered(other, {**reporter(start), "kind": "frequency"})
        assert "another device" in answer["message"]
        await ask(lab, other.device_id)
        order = await other.hear("calibrate")
        foreign = {"calibration_id": order["calibration_id"], "kind": "frequency"}
        assert not (await answered(scanner, foreign))["ok"]
        wrong = {"calibration_id": order["calibration_id"], "kind": "shims"}
        assert "frequency" in (await answered(other, wrong))["message"]
    for message in (
        {"kind": "frequency"},
        {"kind": "frequency", "task_id": start["id"]},
        {"kind": "shims", **reporter(start)},
        {"kind": "frequency", "calibration_id": start["id"]},
    ):
        assert not (await answered(scanner, message))["ok"], message
    (row,) = await history(lab, scanner.device_id)
    assert row["state"] == "requested"


@pytest.mark.long
async def test_a_start_that_nobody_took_leaves_no_calibration(lab):
    async with lab.scanner(capabilities=CAN) as scanner:
        task = await lab.create_task(scanner.device_id)
        assert (await lab.start(task)).status_code == 200
        await lab.acquisition_becomes(task["id"], "failed")
        assert await history(lab, scanner.device_id) == []


async def test_on_postgresql(make_lab, copied_postgresql):
    async with (
        make_lab(database_url=copied_postgresql("device_manager")) as lab,
        lab.scanner(capabilities=CAN, parameter=PARAMETER) as scanner,
    ):
        await scanner.hear("parameter_update")
        answers = await asyncio.gather(*(ask(lab, scanner.device_id) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
        order = await scanner.hear("calibrate")
        about = {"calibration_id": order["calibration_id"], "kind": "frequency"}
        await answered(scanner, {**about, "values": MEASURED})
        start = await lab.started(scanner)
        assert start["device_parameter"] == {**PARAMETER, **MEASURED}
        about = {**reporter(start), "kind": "frequency"}
        assert (await answered(scanner, {**about, "error_message": "a\x00b"}))["ok"]
        await scanner.status("ERROR", start, error_message="x\x00y", error_code="c\x00d" * 99)
        await lab.acquisition_becomes(start["id"], "failed")
        (row, _) = await all_ended(lab, scanner.device_id)
        assert row["problem"] == "ab"
