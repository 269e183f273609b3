"""Parameters of devices: versions, who may change them, and what a device hears of it."""

import json
from pathlib import Path

import pytest
from scanner_lab import DEVICE, Scanner

from device_manager.parameters.schema import check_schema, problems_of

CAN = ("ack", "stop", "parameter_update")
FIRST = {"larmor_frequency": 2_000_000.0, "shims": [0.0, 0.0, 0.0]}
SECOND = {**FIRST, "larmor_frequency": 2_000_143.0}
SCHEMA = {
    "type": "object",
    "required": ["larmor_frequency"],
    "additionalProperties": False,
    "properties": {
        "larmor_frequency": {"type": "number", "minimum": 1.9e6, "maximum": 2.1e6, "unit": "Hz"},
        "shims": {"$ref": "#/$defs/vector"},
        "sar_coefficient": {"type": "number", "exclusiveMinimum": 0, "readOnly": True},
    },
    "$defs": {"vector": {"type": "array", "minItems": 3, "maxItems": 3}},
}


async def read(lab, device_id):
    return await lab.http.get(f"{DEVICE}/{device_id}/parameter")


async def change(lab, device_id, parameter, version=None, **body):
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    body = {"parameter": parameter, **body}
    return await lab.http.put(f"{DEVICE}/{device_id}/parameter", json=body, headers=headers)


async def set_schema(lab, device_type="bench", document=None, **params):
    return await lab.http.put(
        f"{DEVICE}/parameter-schemas/{device_type}",
        json={"document": SCHEMA if document is None else document},
        params=params,
    )


async def test_each_change_is_a_version_with_who_and_why(lab):
    device_id = (await lab.create_device())["device_id"]
    nothing = await read(lab, device_id)
    assert (nothing.json()["version"], nothing.headers["ETag"]) == (0, '"0"')
    first = await change(lab, device_id, FIRST, comment="as installed")
    assert first.status_code == 200, first.text
    assert first.headers["ETag"] == '"1"'
    await change(lab, device_id, SECOND, version=1, comment="warm magnet")
    now = (await read(lab, device_id)).json()
    assert (now["version"], now["parameter"], now["comment"]) == (2, SECOND, "warm magnet")
    assert now["author"].startswith("user:")
    device = await lab.device(device_id)
    assert (device["parameter"], device["parameter_version"]) == (SECOND, 2)
    history = (await lab.http.get(f"{DEVICE}/{device_id}/parameter/versions")).json()
    assert [(row["version"], row["comment"]) for row in history] == [
        (2, "warm magnet"),
        (1, "as installed"),
    ]
    old = await lab.http.get(f"{DEVICE}/{device_id}/parameter/versions/1")
    assert old.json()["parameter"] == FIRST
    assert (await lab.http.get(f"{DEVICE}/{device_id}/parameter/versions/9")).status_code == 404


async def test_an_edit_of_an_old_version_is_refused(lab):
    device_id = (await lab.create_device())["device_id"]
    await change(lab, device_id, FIRST)
    await change(lab, device_id, SECOND)
    stale = await change(lab, device_id, FIRST, version=1)
    assert (stale.status_code, stale.json()["version"]) == (412, 2)
    path = f"{DEVICE}/parameter/{device_id}"
    stale = await lab.http.put(path, json=FIRST, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert (await read(lab, device_id)).json()["parameter"] == SECOND


async def test_scanhubs_way_makes_a_version_too_and_the_same_again_makes_none(lab):
    device_id = (await lab.create_device())["device_id"]
    for parameter, version in ((FIRST, 1), (SECOND, 2), (SECOND, 2), ({}, 3)):
        answer = await lab.http.put(f"{DEVICE}/parameter/{device_id}", json=parameter)
        assert answer.json()["parameter"] == parameter
        assert answer.json()["parameter_version"] == version


async def test_versions_are_compared_and_restored(lab):
    device_id = (await lab.create_device())["device_id"]
    await change(lab, device_id, {"b0": {"drift": 1, "on": True}, "gone": 1})
    await change(lab, device_id, {"b0": {"drift": 2, "on": 1}, "new": [1]})
    path = f"{DEVICE}/{device_id}/parameter"
    differs = (await lab.http.get(f"{path}/diff", params={"before": 1, "after": 2})).json()
    assert differs == [
        {"field": "b0.drift", "before": 1, "after": 2},
        {"field": "b0.on", "before": True, "after": 1},
        {"field": "gone", "before": 1, "after": None},
        {"field": "new", "before": None, "after": [1]},
    ]
    stale = await lab.http.post(f"{path}/versions/1/restore", headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    back = await lab.http.post(f"{path}/versions/1/restore", headers={"If-Match": '"2"'})
    assert (back.json()["version"], back.json()["comment"]) == (3, "Version 1 restored")
    assert back.json()["parameter"] == {"b0": {"drift": 1, "on": True}, "gone": 1}
    assert (await lab.http.post(f"{path}/versions/9/restore")).status_code == 404


async def test_the_history_comes_by_pages(lab):
    device_id = (await lab.create_device())["device_id"]
    for number in range(5):
        await change(lab, device_id, {"n": number})
    seen, path = [], f"{DEVICE}/{device_id}/parameter/versions?limit=2"
    while path:
        page = await lab.http.get(path)
        seen += [row["version"] for row in page.json()]
        path = page.links["next"]["url"] if "next" in page.links else ""
    assert seen == [5, 4, 3, 2, 1]


async def test_the_change_is_an_event_with_the_one_who_made_it(lab):
    device_id = (await lab.create_device())["device_id"]
    await change(lab, device_id, FIRST, comment="why")
    await change(lab, device_id, SECOND)

    async def told():
        return [event for event in lab.events if event.type.value == "device.parameter_changed"]

    events = await lab.eventually(told, lambda found: len(found) == 2)
    assert events[0].data["comment"] == "why"
    assert events[0].actor == events[0].data["author"]
    assert events[1].data["changed"] == ["larmor_frequency"]


# --- the device -----------------------------------------------------------------------------------


async def test_what_a_device_tells_first_is_version_one_and_later_the_server_wins(lab):
    credentials = await lab.create_device()
    async with lab.scanner(credentials, parameter=FIRST) as scanner:
        found = (await read(lab, scanner.device_id)).json()
        assert (found["version"], found["parameter"]) == (1, FIRST)
        assert found["author"] == f"device:{scanner.device_id}"
    await change(lab, credentials["device_id"], SECOND)
    async with lab.scanner(credentials, parameter=FIRST):
        found = (await read(lab, credentials["device_id"])).json()
        assert (found["version"], found["parameter"]) == (2, SECOND)


async def test_a_device_gets_what_is_in_force_when_it_has_another_version(lab):
    credentials = await lab.create_device()
    await change(lab, credentials["device_id"], FIRST)
    async with lab.scanner(credentials, capabilities=CAN, parameter_version=0) as scanner:
        update = await scanner.hear("parameter_update")
        assert (update["parameter"], update["version"]) == (FIRST, 1)
        await change(lab, scanner.device_id, SECOND)
        update = await scanner.hear("parameter_update")
        assert (update["parameter"], update["version"]) == (SECOND, 2)
    async with lab.scanner(credentials, capabilities=CAN, parameter_version=2) as scanner:
        await scanner.hear_nothing()
    async with lab.scanner(credentials) as scanner:  # of version 1
        await scanner.hear_nothing()
        await change(lab, scanner.device_id, FIRST)
        await scanner.hear_nothing()


async def test_a_device_changes_its_parameters_from_the_version_in_force(lab):
    async with lab.scanner(capabilities=CAN, parameter=FIRST) as scanner:
        await scanner.hear("parameter_update")
        for base in (None, 0, 2):
            await scanner.say(command="parameter_update", parameter=SECOND, base_version=base)
            answer = await scanner.hear("feedback")
            assert not answer["ok"]
            assert "version 1" in answer["message"]
        await scanner.say(
            command="parameter_update", parameter=SECOND, base_version=1, comment="drift"
        )
        assert (await scanner.hear("parameter_update"))["version"] == 2
        found = (await read(lab, scanner.device_id)).json()
        assert (found["parameter"], found["comment"]) == (SECOND, "drift")
        assert found["author"] == f"device:{scanner.device_id}"


@pytest.mark.parametrize(
    "parameter",
    ['{"a": "\\u0000"}', '{"a": NaN}', '{"a": "\\ud800"}', '{"a": ' + "[" * 99 + "]" * 99 + "}"],
)
async def test_parameters_that_no_database_holds_are_refused(lab, parameter):
    async with lab.scanner(capabilities=CAN) as scanner:
        frame = f'{{"command": "parameter_update", "base_version": 0, "parameter": {parameter}}}'
        await scanner.websocket.send(frame)
        assert not (await scanner.hear("feedback"))["ok"]
        assert (await read(lab, scanner.device_id)).json()["version"] == 0
        path = f"{DEVICE}/{scanner.device_id}/parameter"
        body = f'{{"parameter": {parameter}}}'
        answer = await lab.http.put(
            path, content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 422


async def test_a_start_and_its_data_carry_the_parameters_in_force(lab):
    async with lab.scanner(parameter=FIRST) as scanner:
        await change(lab, scanner.device_id, SECOND)
        start = await lab.started(scanner)
        assert start["device_parameter"] == SECOND
        assert start["device_parameter_version"] == 2
        await change(lab, scanner.device_id, FIRST)
        verdict = await scanner.upload(start, "data.mrd", b"data")
        file = lab.folder(start, verdict["result_id"]) / "device_parameter.json"
        stored = json.loads(file.read_text())
        assert (stored["parameter"], stored["parameter_version"]) == (SECOND, 2)


async def test_after_a_restart_a_scan_keeps_the_parameters_that_it_began_with(make_lab):
    async with make_lab() as lab:
        credentials = await lab.create_device()
        async with lab.scanner(credentials, parameter=FIRST) as scanner:
            start = await lab.started(scanner)
            await change(lab, scanner.device_id, SECOND)
    async with make_lab(lost_after_seconds=20.0) as lab, lab.connect(credentials) as websocket:
        scanner = Scanner(credentials["device_id"], websocket)
        await scanner.register(status="BUSY")
        verdict = await scanner.upload(start, "data.mrd", b"data")
        file = lab.folder(start, verdict["result_id"]) / "device_parameter.json"
        assert json.loads(file.read_text())["parameter"] == FIRST


# --- schemas --------------------------------------------------------------------------------------


async def test_parameters_follow_the_schema_of_their_type_of_device(lab):
    async with lab.scanner(device_type="bench") as scanner:
        assert (await set_schema(lab)).status_code == 200
        for parameter, field in (
            ({"larmor_frequency": 1e6}, "parameter.larmor_frequency"),
            ({}, "parameter.larmor_frequency"),
            ({**FIRST, "shims": [1]}, "parameter.shims"),
            ({**FIRST, "typo": 1}, "parameter.typo"),
        ):
            answer = await change(lab, scanner.device_id, parameter)
            assert (answer.status_code, answer.json()["field"]) == (422, field)
        assert (await change(lab, scanner.device_id, FIRST)).status_code == 200
        other = (await lab.create_device())["device_id"]
        assert (await change(lab, other, {"typo": 1})).status_code == 200


async def test_a_device_may_not_seed_what_its_schema_refuses_and_is_told(lab):
    await set_schema(lab)
    async with lab.scanner(device_type="bench", parameter={"larmor_frequency": 1}) as scanner:
        answer = await scanner.hear("feedback")
        assert not answer["ok"]
        assert "larmor_frequency" in answer["message"]
        assert (await read(lab, scanner.device_id)).json()["version"] == 0


async def test_what_only_people_set_no_device_changes(lab):
    await set_schema(lab)
    own = {**FIRST, "sar_coefficient": 0.5}
    async with lab.scanner(device_type="bench", capabilities=CAN, parameter=own) as scanner:
        await scanner.hear("parameter_update")
        easier = {**own, "sar_coefficient": 0.1}
        await scanner.say(command="parameter_update", parameter=easier, base_version=1)
        assert "sar_coefficient" in (await scanner.hear("feedback"))["message"]
        assert (await change(lab, scanner.device_id, easier)).json()["version"] == 2


async def test_a_schema_that_makes_parameters_invalid_names_the_devices(lab):
    async with lab.scanner(device_type="bench", parameter={"larmor_frequency": 42}) as scanner:
        refused = await set_schema(lab)
        assert refused.status_code == 409
        assert refused.json()["devices"][0]["device_id"] == scanner.device_id
        assert (await lab.http.get(f"{DEVICE}/parameter-schemas/bench")).status_code == 404
        taken = await set_schema(lab, accept_invalid=True)
        assert taken.json()["invalid_devices"][0]["problems"][0]["field"] == "larmor_frequency"
        found = (await read(lab, scanner.device_id)).json()
        assert found["problems"][0]["field"] == "larmor_frequency"


async def test_schemas_have_versions_are_listed_and_removed(lab):
    path = f"{DEVICE}/parameter-schemas"
    first = await set_schema(lab)
    assert (first.json()["version"], first.headers["ETag"]) == (1, '"1"')
    wider = {**SCHEMA, "additionalProperties": True}
    headers = {"If-Match": '"1"'}
    second = await lab.http.put(f"{path}/bench", json={"document": wider}, headers=headers)
    assert second.json()["version"] == 2
    stale = await lab.http.put(f"{path}/bench", json={"document": wider}, headers=headers)
    assert stale.status_code == 412
    assert [row["device_type"] for row in (await lab.http.get(path)).json()] == ["bench"]
    assert (await lab.http.delete(f"{path}/bench", headers=headers)).status_code == 412
    assert (await lab.http.delete(f"{path}/bench")).status_code == 204
    assert (await lab.http.get(f"{path}/bench")).status_code == 404

    async def told():
        return [event for event in lab.events if event.type.value == "device.schema_changed"]

    events = await lab.eventually(told, lambda found: len(found) == 3)
    assert [(e.data["version"], e.data["removed"]) for e in events] == [
        (1, False),
        (2, False),
        (2, True),
    ]
    assert {event.actor for event in events} == {first.json()["author"]}


CHAIN = {
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/0"}},
    "$defs": {
        **{str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(25)},
        "25": {},
    },
}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"type": "array"}, "document.type"),
        ({"type": "object", "properties": {"a": {"type": "numbr"}}}, "document.properties.a.type"),
        ({"type": "object", "$ref": "http://127.0.0.1:9/x"}, "document.$ref"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}}, "document.properties.a.$ref"),
        ({"type": "object", "allOf": [{"$ref": "#/$defs/none"}]}, "document.allOf.0.$ref"),
        (
            {"type": "object", "$schema": "http://json-schema.org/draft-04/schema#"},
            "document.$schema",
        ),
        (
            {"type": "object", "properties": {"a": {"pattern": "(?=a)b"}}},
            "document.properties.a.pattern",
        ),
        (
            {"type": "object", "properties": {"a": {"pattern": "a{999}{999}"}}},
            "document.properties.a.pattern",
        ),
        (CHAIN, None),
    ],
)
async def test_what_is_no_schema_or_could_hold_us_up_is_refused(lab, document, field):
    answer = await set_schema(lab, document=document)
    assert answer.status_code == 422, answer.text
    if field is not None:
        assert answer.json()["field"].startswith(field)


async def test_a_pattern_that_backtracks_elsewhere_takes_no_time(lab):
    document = {"type": "object", "properties": {"a": {"pattern": "^(a+)+$"}}}
    assert (await set_schema(lab, document=document)).status_code == 200
    async with lab.scanner(device_type="bench") as scanner:
        answer = await change(lab, scanner.device_id, {"a": "a" * 30_000 + "!"})
        assert answer.json()["field"] == "parameter.a"


def test_the_schema_in_the_documents_is_one_and_takes_what_it_is_for():
    text = (Path(__file__).parents[2] / "docs" / "device-parameters.md").read_text("utf-8")
    schema = json.loads(text.split("```json")[1].split("```")[0])
    check_schema(schema)
    parameter = {
        "larmor_frequency": 2_000_000.0,
        "flip_angle_calibration": 1.02,
        "gradient_calibration": [1, 1, 1.01],
        "gradient_offset": [0, 0, 0],
        "shims": [0.01, 0, -0.02],
        "sar_coefficient": 0.4,
    }
    assert problems_of(schema, parameter) == []
    wrong = {**parameter, "shims": [0, 0, "x"], "gradient_offset": [0, 0, 9]}
    assert sorted(problem.field for problem in problems_of(schema, wrong)) == [
        "gradient_offset.2",
        "shims.2",
    ]


def test_a_large_document_and_a_large_schema_are_judged_without_a_list_of_all_faults():
    options = [{"type": "number", "minimum": 1000 + number} for number in range(300)]
    schema = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"anyOf": options}}},
    }
    check_schema(schema)
    (problem,) = problems_of(schema, {"a": [1] * 20_000})
    assert (problem.field, problem.problem) == ("", "does not follow the schema")


async def test_no_device_changes_its_sar_coefficient_by_itself_with_or_without_a_schema(lab):
    own = {"sar_coefficient": 0.5}
    async with lab.scanner(capabilities=CAN, parameter=own) as scanner:
        await scanner.hear("parameter_update")
        for changed in ({"sar_coefficient": 0.1}, {}):
            await scanner.say(command="parameter_update", parameter=changed, base_version=1)
            answer = await scanner.hear("feedback")
            assert not answer["ok"]
            assert "sar_coefficient" in answer["message"]
        assert (await lab.device(scanner.device_id))["parameter"] == own
