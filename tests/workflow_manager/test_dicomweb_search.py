"""QIDO-RS: what matches, in which order, and what is answered."""

import json

import httpx
import pytest
from images import STUDY
from test_dicom_index import arrival
from workflow_service import WORKFLOW

from scanhub_libraries.database import transaction
from scanhub_libraries.errors import BadRequestError
from workflow_manager.dicom.attributes import Level
from workflow_manager.dicom.index import enter
from workflow_manager.dicomweb.json_model import json_of_values, told_as
from workflow_manager.dicomweb.json_text import writer_of
from workflow_manager.dicomweb.rules import choose, choose_instances, parse_accept
from workflow_manager.dicomweb.searching import find
from workflow_manager.query.matching import Matcher
from workflow_manager.query.rules import Key

A, B, C = f"{STUDY}.1", f"{STUDY}.2", f"{STUDY}.3"
BASE = "http://test/dicomweb"


def patients():
    """Three studies: a French patient, a Japanese one, and a device test."""
    yield from (
        arrival(
            n,
            study=A,
            series=f"{A}.1",
            PatientName="Béranger^Zoë",
            PatientID="FR-1",
            StudyDate="20250301",
            StudyTime="0930",
            AccessionNumber="A_1",
            StudyDescription="Head %",
            BodyPartExamined="HEAD",
            SeriesNumber=2,
            Manufacturer="Acme",
        )
        for n in (1, 2)
    )
    yield arrival(
        1,
        study=A,
        series=f"{A}.2",
        Modality="SR",
        SeriesNumber=1,
        PatientName="Béranger^Zoë",
        PatientID="FR-1",
    )
    yield arrival(
        1,
        study=B,
        series=f"{B}.1",
        PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう",
        PatientID="JP-1",
        StudyDate="20250401",
        StudyTime="120000.5",
        AccessionNumber="AX1",
        Modality="CT",
    )
    yield arrival(1, study=C, series=f"{C}.1", PatientName="", PatientID="", StudyDate="")


@pytest.fixture
async def sessions(sessions):
    async with transaction(sessions) as session:
        await enter(session, list(patients()))
    return sessions


async def ask(sessions, level, path=None, **parameters):
    pairs = [(name.replace("__", "."), value) for name, value in parameters.items()]
    found = await find(sessions, level, pairs, BASE, path or {})
    return json.loads(found.body)


async def studies(sessions, **parameters):
    found = await ask(sessions, Level.STUDY, **parameters)
    return "".join({A: "A", B: "B", C: "C"}[item["0020000D"]["Value"][0]] for item in found)


QUERIES = [
    ({}, "BAC"),
    ({"PatientName": "BERANGER^ZOE"}, "A"),
    ({"PatientName": "béranger^zoë^^"}, "A"),
    ({"PatientName": "beranger"}, ""),
    ({"PatientName": "ber*"}, "A"),
    ({"00100010": "?eranger*"}, "A"),
    ({"PatientName": "山田^太郎"}, "B"),
    ({"PatientName": "やまだ*"}, "B"),
    ({"PatientName": "yamada^tarou"}, "B"),
    ({"PatientName": "*"}, "BAC"),
    ({"PatientID": "FR-1"}, "A"),
    ({"PatientID": "fr-1"}, ""),
    ({"PatientID": "*-1"}, "BA"),
    ({"PatientID": "f*"}, ""),
    ({"AccessionNumber": "A_?"}, "A"),
    ({"AccessionNumber": "A_1"}, "A"),
    ({"AccessionNumber": "A?1"}, "BA"),
    ({"StudyDescription": "*%"}, "A"),
    ({"StudyDescription": "[Hh]ead*"}, ""),
    ({"StudyDate": "20250301"}, "A"),
    ({"StudyDate": "20250301-20250331"}, "A"),
    ({"StudyDate": "20250302-"}, "B"),
    ({"StudyDate": "-20250401"}, "BA"),
    ({"StudyTime": "0900-0930"}, "A"),
    ({"StudyTime": "-12"}, "BA"),
    ({"ModalitiesInStudy": "SR"}, "A"),
    ({"ModalitiesInStudy": "C?"}, "B"),
    ({"ModalitiesInStudy": "CT,SR"}, "BA"),
    ({"StudyInstanceUID": f"{A},{B}"}, "BA"),
    ({"StudyInstanceUID": f"{A}\\{C}"}, "AC"),
    ({"limit": "1"}, "B"),
    ({"limit": "1", "offset": "1"}, "A"),
    ({"offset": "3"}, ""),
    ({"PatientID": "FR-1", "ModalitiesInStudy": "CT"}, ""),
]


async def test_studies_are_found_as_the_standard_says(sessions):
    found = [await studies(sessions, **parameters) for parameters, _ in QUERIES]
    wrong = [(q, f) for (q, wanted), f in zip(QUERIES, found, strict=True) if f != wanted]
    assert not wrong


async def test_a_study_has_the_attributes_of_the_standard(sessions):
    (study,) = await ask(sessions, Level.STUDY, PatientID="FR-1")
    assert study["00080061"] == {"vr": "CS", "Value": ["MR", "SR"]}
    assert study["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Béranger^Zoë"}]}
    assert (study["00201206"]["Value"], study["00201208"]["Value"]) == ([2], [3])
    assert study["00081190"]["Value"] == [f"{BASE}/studies/{A}"]
    assert study["00080056"]["Value"] == ["ONLINE"]
    assert study["00080005"]["Value"] == ["ISO_IR 192"]
    assert study["00100030"] == {"vr": "DA"}
    wanted = "00080020 00080030 00080050 00080090 00100020 00100040 0020000D 00200010"
    assert set(wanted.split()) <= study.keys()
    assert list(study) == sorted(study)
    (other,) = await ask(sessions, Level.STUDY, PatientID="JP-1")
    assert other["00100010"]["Value"] == [
        {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    ]


async def test_series_and_instances_are_found_at_every_level(sessions):
    found = await ask(sessions, Level.SERIES, {"StudyInstanceUID": A})
    assert [s["00200011"]["Value"] for s in found] == [[1], [2]]
    assert "00100010" not in found[0]
    assert found[1]["00201209"]["Value"] == [2]
    assert found[1]["00081190"]["Value"] == [f"{BASE}/studies/{A}/series/{A}.1"]
    everywhere = await ask(sessions, Level.SERIES, PatientID="JP-1")
    assert everywhere[0]["00100020"]["Value"] == ["JP-1"]
    path = {"StudyInstanceUID": A, "SeriesInstanceUID": f"{A}.1"}
    images = await ask(sessions, Level.INSTANCE, path)
    assert [i["00200013"]["Value"] for i in images] == [[1], [2]]
    assert images[0]["00080016"]["Value"] == ["1.2.840.10008.5.1.4.1.1.4"]
    assert len(await ask(sessions, Level.INSTANCE)) == 5
    assert len(await ask(sessions, Level.INSTANCE, Modality="MR", PatientID="FR-1")) == 2
    assert len(await ask(sessions, Level.INSTANCE, InstanceNumber="2")) == 1
    assert len(await ask(sessions, Level.SERIES, Manufacturer="Ac*")) == 1


async def test_more_attributes_come_when_they_are_asked_for(sessions):
    found = await ask(sessions, Level.SERIES, includefield="00080070,PatientName", Modality="MR")
    by_study = {s["0020000D"]["Value"][0]: s for s in found}
    assert by_study[A]["00080070"]["Value"] == ["Acme"]
    whole = await ask(sessions, Level.SERIES, {"StudyInstanceUID": A}, includefield="all")
    assert whole[1]["00080070"]["Value"] == ["Acme"]


MISUNDERSTOOD = [
    {"Patient": "x"},
    {"StudyDate": "yesterday"},
    {"StudyDate": "-"},
    {"StudyInstanceUID": "1.2' OR '1'='1"},
    {"limit": "-1"},
    {"limit": "x"},
    {"fuzzymatching": "perhaps"},
    {"Modality": "MR"},
    {"PixelData": "0"},
    {"includefield": "Nonsense"},
    {"00100010x": "a"},
    {"PatientID": "a\x00"},
]


async def test_what_cannot_be_understood_is_said(sessions):
    for parameters in MISUNDERSTOOD:
        with pytest.raises(BadRequestError) as error:
            await ask(sessions, Level.STUDY, **parameters)
        assert error.value.detail, parameters


async def test_the_address_of_a_resource_names_one_study(sessions):
    for uid in ("*", f"{A},{B}", "1.2' OR '1'='1", ""):
        with pytest.raises(BadRequestError, match="is no UID"):
            await ask(sessions, Level.SERIES, {"StudyInstanceUID": uid})


async def test_what_was_matched_is_answered(sessions):
    (study,) = await ask(sessions, Level.STUDY, IssuerOfPatientID="*", PatientID="FR-1")
    assert study["00100021"] == {"vr": "LO"}
    found = await ask(sessions, Level.SERIES, {"StudyInstanceUID": A}, Manufacturer="Acme")
    assert [one["00080070"]["Value"] for one in found] == [["Acme"]]
    found = await ask(sessions, Level.INSTANCE, {"StudyInstanceUID": A}, PatientID="FR-1")
    assert [one["00100020"]["Value"] for one in found] == [["FR-1"]] * 3
    found = await ask(sessions, Level.SERIES, {"StudyInstanceUID": A}, ModalitiesInStudy="SR")
    assert [one["00080061"]["Value"] for one in found] == [["MR", "SR"]] * 2


async def test_no_value_reaches_the_text_of_a_statement(sessions):
    for keyword in ("PatientID", "PatientName", "OtherPatientIDs"):
        assert await studies(sessions, **{keyword: "x' OR 1=1 --"}) == ""


@pytest.mark.parametrize("keyword", ["PatientID", "PatientName", "ModalitiesInStudy"])
def test_a_nul_amid_a_value_is_refused_and_one_at_its_end_pads(keyword):
    matcher = Matcher("postgresql")
    assert matcher.ask(Key(keyword, "A\x00")) is not None
    with pytest.raises(BadRequestError, match=f"{keyword} contains a NUL"):
        matcher.ask(Key(keyword, "A\x00B"))


def test_the_best_acceptable_type_is_chosen():
    accept = parse_accept('text/html;q=0.9, application/json;q=0.5, application/dicom+json;q="0.8"')
    assert (
        choose(accept, ("application/dicom+json", "application/json")) == "application/dicom+json"
    )
    parts = parse_accept('multipart/related; type="application/dicom"; transfer-syntax=1.2.3')
    assert choose_instances(parts, single=False).syntax == "1.2.3"
    assert choose_instances(parse_accept(None), single=True).multipart


async def test_searching_over_http(serving):
    async with serving() as service:
        sessions = service.wiring.sessions
        async with transaction(sessions) as session:
            await enter(session, list(patients()))
        url = f"{WORKFLOW}/dicomweb/studies"
        answer = await service.user.get(url, params={"limit": "2", "fuzzymatching": "true"})
        assert answer.headers["content-type"] == "application/dicom+json"
        assert len(answer.json()) == 2
        assert "Fuzzy" in answer.headers["warning"]
        assert answer.headers["warning"].startswith("299 ")
        plain = await service.user.get(url, headers={"Accept": "application/json"})
        assert plain.headers["content-type"] == "application/json"
        refused = await service.user.get(url, headers={"Accept": "application/dicom+xml"})
        assert (refused.status_code, refused.json()["type"]) == (406, "/problems/not-acceptable")
        assert (await service.user.get(f"{url}?Nonsense=1")).status_code == 400
        nobody = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=service.app), base_url="http://test"
        )
        async with nobody:
            assert (await nobody.get(url)).status_code == 401
        series = await service.user.get(f"{url}/{A}/series/{A}.1/instances")
        assert len(series.json()) == 2
        assert (await service.user.get(f"{url}/*/series")).status_code == 400


async def test_addresses_in_answers_are_those_of_the_installation(serving):
    async with serving(public_url="https://mri.example.org/node/") as service:
        async with transaction(service.wiring.sessions) as session:
            await enter(session, list(patients()))
        (study,) = (await service.user.get(f"{WORKFLOW}/dicomweb/studies?PatientID=FR-1")).json()
    base = "https://mri.example.org/node/api/v1/workflowmanager/dicomweb"
    assert study["00081190"]["Value"] == [f"{base}/studies/{A}"]


def test_quotes_and_control_characters_are_escaped():
    values = {
        "PatientName": 'O"Neil^\x1b\n=\u5c71',
        "StudyDescription": 'a"b\t\\c',
        "PatientID": "\x07\u2028",
        "SeriesNumber": 7,
        "Rows": None,
        "PatientWeight": "70.5",
        "StudyID": "",
        "ModalitiesInStudy": [],
    }
    texts = [writer_of(*told_as(keyword))(value) for keyword, value in values.items()]
    assert json.loads(f"{{{','.join(texts)}}}") == json_of_values(values)
