"""STOW-RS: each instance is stored, or said not to be. A client of others works with it all."""

import asyncio
from io import BytesIO

import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session
from images import SERIES, STUDY, instance
from test_dicomweb_retrieve import encoded
from workflow_service import WORKFLOW, over_http

from workflow_manager.dicom.entries import Origin, Outcome
from workflow_manager.dicom.incoming import PART, WHOLE, promised
from workflow_manager.dicom.part10 import content_of
from workflow_manager.dicomweb.parts import PartsToDisk

URL = f"{WORKFLOW}/dicomweb/studies"
RELATED = 'multipart/related; type="application/dicom"; boundary=xYz'
FAILED, STORED, OTHER, REASON = "00081198", "00081199", "0008119A", "00081197"


def body_of(*files, kind="application/dicom"):
    pieces = [
        f"--xYz\r\nContent-Type: {kind}\r\nX: y\r\n\r\n".encode() + data + b"\r\n" for data in files
    ]
    return b"".join(pieces) + b"--xYz--\r\n"


async def store(service, *files, url=URL, content_type=RELATED):
    headers = {"Content-Type": content_type}
    return await service.user.post(url, content=body_of(*files), headers=headers)


def lake_files(service):
    """Files in their places, and parts that are left; what is put away just now is neither."""
    found = service.wiring.lake.root.rglob("*")
    return sorted(p.name for p in found if p.suffix == PART or in_place(p))


def in_place(path):
    return path.suffix == ".dcm" and "incoming" not in path.parts


async def test_instances_are_stored_byte_for_byte(service):
    files = [encoded(instance(n)) for n in (1, 2, 3)]
    answer = await store(service, *files)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom+json")
    stored = answer.json()[STORED]["Value"]
    assert [item["00081155"]["Value"][0] for item in stored] == [f"{SERIES}.{n}" for n in (1, 2, 3)]
    assert FAILED not in answer.json()
    assert answer.json()["00081190"]["Value"][0].endswith(f"/dicomweb/studies/{STUDY}")
    for item, data in zip(stored, files, strict=True):
        url = item["00081190"]["Value"][0]
        again = await service.user.get(url, headers={"Accept": "application/dicom"})
        assert again.content == data
    (series,) = await service.get("/series")
    assert series["instances"] == 3
    assert len(lake_files(service)) == 3


async def test_the_same_image_is_a_duplicate_whichever_way_it_comes(service):
    """What is hashed on the way is what the parser of files hashes."""
    uneven = instance(3)
    del uneven.PixelData
    for made in (instance(1), instance(2, size=300), uneven):
        data = encoded(made)
        assert (await store(service, data)).status_code == 200
        stored = await service.wiring.store.store_instance(data, Origin(source="TEST"))
        assert stored.outcome is Outcome.DUPLICATE


async def test_one_instance_comes_without_parts(service):
    headers = {"Content-Type": "application/dicom"}
    answer = await service.user.post(URL, content=encoded(instance(1)), headers=headers)
    assert answer.status_code == 200
    assert len(lake_files(service)) == 1


async def test_the_answer_says_of_each_what_became_of_it(service):
    assert (await store(service, encoded(instance(1)))).status_code == 200
    answer = await store(
        service,
        encoded(instance(1)),
        encoded(instance(1, text="changed")),
        b"no DICOM at all",
        encoded(instance(2)),
    )
    assert answer.status_code == 202
    found = answer.json()
    assert len(found[STORED]["Value"]) == 2
    assert found[FAILED]["Value"][0][REASON]["Value"] == [0x0111]
    assert found[OTHER]["Value"][0][REASON]["Value"] == [0xC000]
    kept = {p.parent.name for p in service.wiring.lake.root.rglob("*.dcm") if in_place(p)}
    assert kept == {SERIES, "conflicts", "quarantine"}
    nothing = await store(service, b"again none")
    assert nothing.status_code == 409


async def test_an_instance_of_another_study_is_refused(service):
    answer = await store(service, encoded(instance(1)), url=f"{URL}/1.2.3")
    assert answer.status_code == 409
    assert answer.json()[FAILED]["Value"][0][REASON]["Value"] == [0xA900]
    assert lake_files(service) == []
    assert (await store(service, encoded(instance(1)), url=f"{URL}/{STUDY}")).status_code == 200


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 415),
        ('multipart/related; type="application/dicom+json"; boundary=xYz', 415),
        ('multipart/related; type="application/dicom"', 400),
        ("multipart/related; boundary=other", 400),
    ],
)
async def test_a_body_of_another_kind_is_refused(service, content_type, status):
    answer = await store(service, encoded(instance(1)), content_type=content_type)
    assert answer.status_code == status
    assert lake_files(service) == []


async def test_what_was_whole_before_the_body_broke_off_is_stored(service):
    body = body_of(encoded(instance(1)), encoded(instance(2)))[:-600]
    answer = await service.user.post(URL, content=body, headers={"Content-Type": RELATED})
    assert answer.status_code == 400
    assert lake_files(service) == [f"{SERIES}.1.dcm"]
    empty = await service.user.post(URL, content=b"--xYz--\r\n", headers={"Content-Type": RELATED})
    assert empty.status_code == 400


async def test_too_large_an_instance_is_refused(serving):
    async with serving(dicomweb_max_instance_bytes=500) as service:
        assert (await store(service, encoded(instance(1)))).status_code == 413
        assert lake_files(service) == []


@pytest.mark.disk
async def test_further_images_of_a_series_go_the_quick_way_and_leave_word_for_a_power_cut(service):
    """The index is not synced before the answer, so the name says what it may lose."""
    assert (await store(service, encoded(instance(1)))).status_code == 200
    receiving, general = service.wiring.receiving, []
    commit = receiving._commit
    receiving._commit = lambda batch: (general.append(batch), commit(batch))[1]
    folder = service.app.state.dicomweb_desk.folder
    with receiving.put_away._removing:  # as if the power failed before it was put away
        files = [encoded(instance(n)) for n in (2, 3)]
        assert (await store(service, *files)).status_code == 200
        left = {path: promised(path) for path in folder.glob(f"*{WHOLE}")}
        assert all(said == content_of(path) for path, said in left.items())
        assert set(files) <= {path.read_bytes() for path in left}
    assert not general
    await asyncio.to_thread(receiving.put_away.flush)
    assert not list(folder.glob(f"*{WHOLE}"))
    assert not receiving.under_way
    assert len(lake_files(service)) == 3


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_parts_are_whole_however_the_bytes_come(tmp_path, size):
    files = [b"\r\n--xY not the end\r\n" * 5, b"", b"\r\n", bytes(range(256))]
    body = b"preamble\r\n" + body_of(*files)
    parts = PartsToDisk(tmp_path, "t", boundary="xYz", media_type="", most_bytes=1000)
    done = []
    for start in range(0, len(body), size):
        parts.feed(body[start : start + size], start + size >= len(body))
        done += parts.taken()
    parts.discard()
    assert [part.sync().read_bytes() for part in done] == files
    assert {part.media_type for part in done} == {"application/dicom"}


async def test_a_client_of_others_stores_searches_and_retrieves(service):
    async with over_http(service.app) as address:
        session = create_session()
        session.headers["Authorization"] = service.user.headers["Authorization"]
        client = DICOMwebClient(f"{address}{WORKFLOW}/dicomweb", session=session)
        made = [pydicom.dcmread(BytesIO(encoded(instance(n)))) for n in (1, 2)]

        def work():
            answer = client.store_instances(made)
            assert len(answer.ReferencedSOPSequence) == 2
            (study,) = client.search_for_studies(search_filters={"PatientName": "doe*"})
            assert study["0020000D"]["Value"] == [STUDY]
            (series,) = client.search_for_series(STUDY)
            assert series["00201209"]["Value"] == [2]
            assert len(client.search_for_instances(STUDY, SERIES, limit=1)) == 1
            whole = client.retrieve_series(STUDY, SERIES)
            assert [d.SOPInstanceUID for d in whole] == [d.SOPInstanceUID for d in made]
            one = client.retrieve_instance(STUDY, SERIES, made[0].SOPInstanceUID)
            assert one.PixelData == made[0].PixelData
            metadata = client.retrieve_series_metadata(STUDY, SERIES)
            assert len(metadata) == 2
            (frame,) = client.retrieve_instance_frames(
                STUDY, SERIES, made[0].SOPInstanceUID, frame_numbers=[1]
            )
            assert np.frombuffer(frame, "<u2").tolist() == made[0].pixel_array.ravel().tolist()
            assert client.retrieve_instance_rendered(
                STUDY, SERIES, made[0].SOPInstanceUID, media_types=("image/png",)
            ).startswith(b"\x89PNG")
            # The client's Host header has no port, so neither has the address made from it.
            path = metadata[0]["7FE00010"]["BulkDataURI"].partition("/dicomweb")[2]
            bulk = f"{client.base_url}{path}"
            assert client.retrieve_bulkdata(bulk)[0] == made[0].PixelData

        await asyncio.to_thread(work)
