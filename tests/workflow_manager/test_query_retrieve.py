"""C-FIND, C-MOVE and C-GET, asked by DCMTK's tools."""

import asyncio
import subprocess

import pydicom
import pytest
from images import SERIES, STUDY, instance, storescp
from programs import require_program
from test_dicom_index import arrival
from test_dicomweb_retrieve import encoded
from workflow_service import WORKFLOW, a_port, until

from scanhub_libraries.database import transaction
from workflow_manager.dicom.entries import Origin
from workflow_manager.dicom.index import enter


@pytest.fixture
async def node(serving):
    port = a_port()
    async with serving(dicom_port=port) as service:
        for n in (1, 2, 3):
            made = instance(n, series=SERIES if n < 3 else f"{SERIES}.9")
            made.SpecificCharacterSet = "ISO_IR 100"
            made.PatientName = "Müller^Zoë"
            await service.wiring.store.store_instance(encoded(made), Origin(source="TEST"))
        service.port = port
        yield service


async def run(*command):
    words = list(map(str, command))
    done = await asyncio.to_thread(
        subprocess.run, words, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


async def find(node, folder, *keys, model="-S"):
    folder.mkdir()
    options = [word for key in keys for word in ("-k", key)]
    peer = ("-aec", "SCANHUB", "127.0.0.1", node.port)
    code, text = await run(
        require_program("findscu"), "-v", "-X", "-od", folder, model, *options, *peer
    )
    found = [pydicom.dcmread(path, force=True) for path in sorted(folder.glob("rsp*.dcm"))]
    return code, text, found


async def test_a_peer_finds_what_is_there_at_every_level(node, tmp_path):
    study = ("QueryRetrieveLevel=STUDY", "PatientName=muller*", "StudyInstanceUID", "StudyDate")
    extra = ("ModalitiesInStudy", "NumberOfStudyRelatedInstances", "PatientComments")
    code, _, found = await find(node, tmp_path / "1", *study, *extra)
    assert code == 0
    (one,) = found
    assert (one.StudyInstanceUID, one.StudyDate) == (STUDY, "20260102")
    assert str(one.PatientName) == "Müller^Zoë"
    assert (one.ModalitiesInStudy, one.NumberOfStudyRelatedInstances) == ("MR", 3)
    assert one.RetrieveAETitle == "SCANHUB"
    assert "PatientComments" not in one
    series = ("QueryRetrieveLevel=SERIES", f"StudyInstanceUID={STUDY}", "SeriesInstanceUID")
    _, _, found = await find(node, tmp_path / "2", *series, "NumberOfSeriesRelatedInstances")
    counts = {one.SeriesInstanceUID: one.NumberOfSeriesRelatedInstances for one in found}
    assert counts == {SERIES: 2, f"{SERIES}.9": 1}
    image = ("QueryRetrieveLevel=IMAGE", f"StudyInstanceUID={STUDY}", f"SeriesInstanceUID={SERIES}")
    _, _, found = await find(node, tmp_path / "3", *image, "SOPInstanceUID", "InstanceNumber")
    assert [one.InstanceNumber for one in found] == [1, 2]
    patient = ("QueryRetrieveLevel=PATIENT", "PatientID=P-*", "PatientName")
    _, _, found = await find(node, tmp_path / "4", *patient, model="-P")
    assert [one.PatientID for one in found] == ["P-1"]
    _, _, found = await find(node, tmp_path / "5", "QueryRetrieveLevel=STUDY", "PatientID=X")
    assert found == []


async def test_a_query_that_breaks_the_rules_is_refused(node, tmp_path):
    _, text, found = await find(node, tmp_path / "1", "QueryRetrieveLevel=SERIES", "Modality=MR")
    assert found == []
    assert "DataSetDoesNotMatchSOPClass" in text
    _, text, _ = await find(node, tmp_path / "2", "QueryRetrieveLevel=PATIENT", "PatientID")
    assert "DataSetDoesNotMatchSOPClass" in text


async def test_a_peer_gets_a_series_over_its_own_association(node, tmp_path):
    folder = tmp_path / "got"
    folder.mkdir()
    keys = ("QueryRetrieveLevel=SERIES", f"StudyInstanceUID={STUDY}", f"SeriesInstanceUID={SERIES}")
    options = [word for key in keys for word in ("-k", key)]
    peer = ("-aec", "SCANHUB", "127.0.0.1", node.port)
    code, text = await run(require_program("getscu"), "-S", "-od", folder, *options, *peer)
    assert code == 0, text
    got = [pydicom.dcmread(path) for path in folder.iterdir()]
    assert {one.SOPInstanceUID for one in got} == {f"{SERIES}.1", f"{SERIES}.2"}
    assert {bytes(one.PixelData) for one in got} == {instance(n).PixelData for n in (1, 2)}


GETS = [
    ("-P", ("PATIENT", "PatientID=P-1"), {1, 2, 3}),
    ("-P", ("STUDY", "PatientID=P-1", f"StudyInstanceUID={STUDY}"), {1, 2, 3}),
    ("-S", ("STUDY", f"StudyInstanceUID={STUDY}"), {1, 2, 3}),
    (
        "-S",
        (
            "IMAGE",
            f"StudyInstanceUID={STUDY}",
            f"SeriesInstanceUID={SERIES}",
            f"SOPInstanceUID={SERIES}.2",
        ),
        {2},
    ),
    ("-S", ("STUDY", f"StudyInstanceUID={STUDY}.9"), set()),
]


async def test_a_peer_gets_what_it_names_at_each_level(node, tmp_path):
    peer = ("-aec", "SCANHUB", "127.0.0.1", node.port)
    for number, (model, (level, *keys), wanted) in enumerate(GETS):
        folder = tmp_path / str(number)
        folder.mkdir()
        options = ["-k", f"QueryRetrieveLevel={level}"]
        options += [word for key in keys for word in ("-k", key)]
        code, text = await run(require_program("getscu"), model, "-od", folder, *options, *peer)
        assert code == 0, text
        got = {int(pydicom.dcmread(path).InstanceNumber) for path in folder.iterdir()}
        assert got == wanted, (model, level)


async def test_a_search_that_is_cancelled_ends_early(node):
    place = {"study": f"{STUDY}.7", "series": f"{SERIES}.7"}
    async with transaction(node.wiring.sessions) as session:
        await enter(session, [arrival(n, **place) for n in range(1, 1501)])
    keys = ("QueryRetrieveLevel=IMAGE", f"StudyInstanceUID={STUDY}.7", "SOPInstanceUID")
    options = [w for k in (*keys, f"SeriesInstanceUID={SERIES}.7") for w in ("-k", k)]
    peer = ("-aec", "SCANHUB", "127.0.0.1", node.port)
    code, text = await run(require_program("findscu"), "-v", "-S", "--cancel", 1, *options, *peer)
    assert code == 0, text
    assert "Cancel" in text.splitlines()[-2] + text.splitlines()[-3]
    assert 0 < text.count("Find Response:") < 1500


async def test_images_move_to_a_target_and_nowhere_else(node, tmp_path):
    port = a_port()
    body = {"name": "peer", "ip": "127.0.0.1", "port": port, "aet_target": "PEER"}
    made = await node.user.post(f"{WORKFLOW}/targets", json=body)
    assert made.status_code == 201, made.text
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={STUDY}")
    peer = ("-aec", "SCANHUB", "127.0.0.1", node.port)
    with storescp(require_program("storescp"), tmp_path / "in", port):
        code, text = await run(require_program("movescu"), "-S", "-aem", "PEER", *keys, *peer)
        assert code == 0, text
        await until(lambda: len(list((tmp_path / "in").iterdir())) == 3)
    _, text = await run(require_program("movescu"), "-v", "-S", "-aem", "STRANGER", *keys, *peer)
    assert "MoveDestinationUnknown" in text
