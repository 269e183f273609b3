import json
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from protocol_documents import UNKNOWN, document, job, pulseq, sequence, task, upload

from exam_manager.exams import protocol_export
from scanhub_libraries.database import sqlite_url

EXAM = "/api/v1/exam"
DEVICE = "0190aaaa-0000-7000-8000-00000000d001"


async def protocol(platform, sequence_id, name="Schädel"):
    said = {"description": "für alle", "comment": "c", "patient_position": "FFS"}
    exam = await platform.exam(is_template=True, name=name, **said)
    first = await platform.workflow(exam, name="Brain", description="d")
    placed = {"fov_offset": {"x": 1.5, "y": 0, "z": -2}}
    scan = await platform.acquisition(
        first, sequence_id=sequence_id, device_id=DEVICE, acquisition_parameter=placed
    )
    second = await platform.workflow(exam, name="After")
    parameter = {"iterations": 3, "window": "hann"}
    await platform.job(second, input_task_ids=[scan["id"]], parameter=parameter)
    return exam


async def export(platform, exam):
    answer = await platform.call("GET", f"{EXAM}/templates/{exam['id']}/export", expect=200)
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    return answer.json()


async def take(platform, file, expect=201, **params):
    url = f"{EXAM}/protocols/import"
    return (await platform.call("POST", url, json=file, params=params, expect=expect)).json()


async def count(platform):
    listed = (await platform.call("GET", f"{EXAM}/protocols", expect=200)).json()
    sequences = (await platform.call("GET", f"{EXAM}/sequences/all", expect=200)).json()
    return len(listed), len(sequences)


def same(file):
    """A file without what another installation has its own of."""
    kept = json.loads(json.dumps(file))
    kept.pop("exported_at")
    for protocol in kept["protocols"]:
        for name in ("version", "released_at", "released_by", "release_comment"):
            protocol.pop(name)
        for workflow in protocol["workflows"]:
            for item in workflow["tasks"]:
                item.pop("device_id", None)
    return kept


@pytest.fixture
def elsewhere(start, tmp_path):
    """Another installation, with nothing in it."""
    return start(sqlite_url(tmp_path / "elsewhere.sqlite"))


async def test_what_is_exported_imported_and_exported_again_is_the_same(either, elsewhere):
    header = {"xml_file": ("h.xml", b"<ismrmrdHeader/>", "text/xml")}
    exam = await protocol(either, await upload(either, **header))
    url = f"{EXAM}/templates/{exam['id']}/release"
    await either.call("POST", url, json={"comment": "fine"}, expect=200)
    file = await export(either, exam)
    (sequence,) = file["sequences"]
    assert sequence["seq_file"] == pulseq()
    assert sequence["sha256"] == sha256(pulseq().encode()).hexdigest()
    assert sequence["xml_file"] == "<ismrmrdHeader/>"
    assert (file["exported_by"], file["protocols"][0]["release_comment"]) == ("tester", "fine")
    async with elsewhere as other:
        made = await take(other, file)
        (draft,) = made["protocols"]
        assert (draft["protocol_id"], draft["protocol_version"]) == (exam["protocol_id"], 1)
        assert [item["created"] for item in made["sequences"]] == [True]
        assert len(draft["notes"]) == 2
        assert "/workflows/0/tasks/0: planned on device" in draft["notes"][0]
        again = await export(other, {"id": draft["exam_id"]})
        (imported,) = await other.events("protocol.imported")
        url = f"{EXAM}/{draft['exam_id']}"
        tree = (await other.call("GET", url, expect=200)).json()
    assert same(again) == same(file)
    assert again["protocols"][0]["released_at"] is None
    assert again["protocols"][0]["workflows"][0]["tasks"][0]["device_id"] is None
    assert imported.data["exam_id"] == draft["exam_id"]
    assert (tree["is_template"], tree["patient_position"]) == (True, "FFS")
    assert tree["workflows"][0]["tasks"][0]["template_id"] is None


async def test_what_is_here_already_is_used(platform):
    sequence_id = await upload(platform)
    exam = await protocol(platform, sequence_id)
    file = await export(platform, exam)
    made = await take(platform, file)
    (used,) = made["sequences"]
    assert (used["ref"], used["sequence_id"], used["created"]) == ("s1", sequence_id, False)
    assert len(used["notes"]) == 1
    (beside,) = made["protocols"]
    assert beside["protocol_id"] == beside["exam_id"]
    assert any("beside" in note for note in beside["notes"])
    refused = await take(platform, file, 409, as_versions=True)
    assert refused["exam_id"] == exam["id"]
    url = f"{EXAM}/templates/{exam['id']}/release"
    await platform.call("POST", url, json={}, expect=200)
    (version,) = (await take(platform, file, as_versions=True))["protocols"]
    assert (version["protocol_id"], version["protocol_version"]) == (exam["id"], 2)
    assert await count(platform) == (2, 1)


async def test_several_protocols_share_a_file_and_its_sequences(platform):
    sequence_id = await upload(platform)
    ids = [
        (await protocol(platform, sequence_id, name))["protocol_id"] for name in ("Kopf", "Knie")
    ]
    url = f"{EXAM}/protocols/export"
    file = (await platform.call("GET", url, params={"ids": ids}, expect=200)).json()
    assert [item["name"] for item in file["protocols"]] == ["Kopf", "Knie"]
    assert len(file["sequences"]) == 1
    missing = await platform.call("GET", url, params={"ids": [ids[0], UNKNOWN]}, expect=404)
    assert missing.json()["missing"] == [UNKNOWN]
    await platform.call("GET", url, expect=422)


async def test_the_released_version_is_handed_on_and_not_the_draft(platform):
    exam = await protocol(platform, await upload(platform))
    url = f"{EXAM}/templates/{exam['id']}"
    await platform.call("POST", f"{url}/release", json={}, expect=200)
    await platform.call("POST", f"{url}/revise", expect=201)
    ids = {"ids": exam["id"]}
    answer = await platform.call("GET", f"{EXAM}/protocols/export", params=ids, expect=200)
    assert answer.json()["protocols"][0]["version"] == 1


async def test_no_exam_of_a_patient_is_exported(platform):
    exam = await protocol(platform, await upload(platform))
    body = {"name": "x", "patient_id": (await platform.patient())["id"]}
    made = await platform.make(f"{EXAM}/?template_id={exam['id']}", body)
    await platform.call("GET", f"{EXAM}/templates/{made['id']}/export", expect=409)
    text = json.dumps(await export(platform, exam))
    assert "patient" not in text.replace("patient_position", "")
    assert "Lovelace" not in text


FIRST = "/body/protocols/0/workflows/0/tasks"


@pytest.mark.parametrize(
    ("file", "places"),
    [
        (document(format="other"), ["/body/format"]),
        (document(format_version=2), ["/body/format_version"]),
        (document(protocols=[]), ["/body/protocols"]),
        (document(patient={"last_name": "x"}), ["/body/patient"]),
        (document(task(color="red")), [f"{FIRST}/0/ACQUISITION/color"]),
        (document(task(), task()), [f"{FIRST}/1/ref"]),
        (document(task(sequence="s9")), [f"{FIRST}/0/sequence"]),
        (document(job(inputs=["t9", "t8"])), [f"{FIRST}/0/inputs/0", f"{FIRST}/0/inputs/1"]),
        (document(job(inputs=["t2"])), [f"{FIRST}/0/inputs"]),
        (
            document(job("a", inputs=["b"]), job("b", inputs=["a"]), task(sequence="s9")),
            [f"{FIRST}/0/inputs", f"{FIRST}/1/inputs", f"{FIRST}/2/sequence"],
        ),
        (document(sequences=[sequence(sha256="0" * 64)]), ["/body/sequences/0/sha256"]),
        (document(sequences=[sequence(), sequence()]), ["/body/sequences/1/ref"]),
        (document(sequences=[sequence("hello")]), ["/body/sequences/0/seq_file"]),
        (
            document(sequences=[sequence(), sequence(pulseq("b"), "s2", xml_file="<no")]),
            ["/body/sequences/1/xml_file"],
        ),
        (
            document(protocols=document()["protocols"] * 2),
            ["/body/protocols/1/protocol_id"],
        ),
    ],
)
async def test_a_wrong_file_is_refused_with_the_places_and_leaves_nothing(platform, file, places):
    refused = await take(platform, file, 422)
    assert [error["pointer"] for error in refused["errors"]] == places
    assert await count(platform) == (0, 0)
    assert await platform.events() == []


async def test_an_import_that_cannot_be_written_leaves_nothing(platform):
    used = sequence(), sequence(pulseq("b"), "s2")
    file = document(task(sequence="s1"), task("t2", sequence="s2"), sequences=used)
    await take(platform, file)
    before = await count(platform)
    # The draft of the first import stands in the way of a next version.
    await take(
        platform, {**file, "sequences": [*used, sequence(pulseq("c"), "s3")]}, 409, as_versions=True
    )
    assert await count(platform) == before == (1, 2)


async def test_a_sequence_that_is_twice_in_a_file_is_stored_once(platform):
    file = document(sequences=[sequence(), sequence(ref="s2")])
    made = (await take(platform, file))["sequences"]
    assert [item["created"] for item in made] == [True, False]
    assert made[0]["sequence_id"] == made[1]["sequence_id"]


async def test_a_file_that_is_too_large_is_refused(platform, monkeypatch):
    sequence_id = await upload(platform)
    exam = await protocol(platform, sequence_id)
    content = b'{"format": "' + b"x" * protocol_export.MAX_BYTES + b'"}'
    headers = {**platform.medical, "Content-Type": "application/json"}
    url = f"{EXAM}/protocols/import"
    await platform.call("POST", url, content=content, headers=headers, expect=413)
    monkeypatch.setattr(protocol_export, "_MAX_SEQUENCE_BYTES", 10)
    await platform.call("GET", f"{EXAM}/templates/{exam['id']}/export", expect=413)


names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)
titles = names.map(str.strip).filter(bool)
numbers = st.floats(-1e6, 1e6)
axes = st.fixed_dictionaries({"x": numbers, "y": numbers, "z": numbers})
placements = st.fixed_dictionaries({"fov_scaling": axes, "fov_offset": axes, "fov_rotation": axes})
leaves = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | numbers | names
parameters = st.none() | st.dictionaries(names, leaves | st.lists(leaves, max_size=3), max_size=3)


@st.composite
def files(draw):
    """A file whose tasks read tasks before them, in any workflow."""
    refs: list[str] = []
    workflows = []
    for _ in range(draw(st.integers(0, 3))):
        tasks = []
        for _ in range(draw(st.integers(0, 3))):
            common = {"name": draw(titles), "description": draw(names), "destination": draw(names)}
            ref = f"t{len(refs) + 1}"
            if draw(st.booleans()):
                placed = draw(st.none() | placements)
                done = draw(st.lists(st.sampled_from(["frequency", "shims"]), max_size=3))
                used = draw(st.sampled_from([None, "s1"]))
                made = task(ref, sequence=used, acquisition_parameter=placed, calibration=done)
            else:
                inputs = draw(st.lists(st.sampled_from(refs), unique=True)) if refs else []
                made = job(ref, inputs=inputs, parameter=draw(parameters))
            tasks.append({**made, **common})
            refs.append(ref)
        comment = draw(st.none() | names)
        workflows.append(
            {"name": draw(titles), "description": draw(names), "comment": comment, "tasks": tasks}
        )
    return workflows


@given(workflows=files())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_every_tree_comes_back_as_it_went(platform, workflows):
    file = document(sequences=[sequence()])
    file["protocols"][0]["workflows"] = workflows
    made = await take(platform, file)
    back = await export(platform, {"id": made["protocols"][0]["exam_id"]})
    for workflow in back["protocols"][0]["workflows"]:
        for item in workflow["tasks"]:
            item.pop("device_id", None)
    assert back["protocols"][0]["workflows"] == workflows
