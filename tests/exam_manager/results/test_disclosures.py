"""Data that leave the house stand in the trail: who, when, what, where to."""

import asyncio
import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
import respx
import sqlalchemy as sa
from dicom_files import dicom
from httpx import Response
from mrd_files import noise, readout, write

from exam_manager.settings import ExamManagerSettings
from scanhub_libraries.database import sqlite_url
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import UserRole

EXAM, PATIENT, LOGIN = "/api/v1/exam", "/api/v1/patient", "/api/v1/userlogin"
LEFT = ("result.", "protocol.exported", "audit.exported")
STORED = ("result.created", "result.stored")


@pytest.fixture
def now():
    """A clock that the test sets: [now]."""
    return [datetime(2026, 3, 2, 9, 30, tzinfo=UTC)]


@pytest.fixture
async def house(start, tmp_path, empty_database, now):
    (tmp_path / "exam.sqlite").write_bytes(empty_database.read_bytes())
    url = sqlite_url(tmp_path / "exam.sqlite")
    async with start(url, migrate=False, clock=lambda: now[0]) as platform:
        yield platform


async def stored(platform, files, kind):
    task = await platform.scan()
    exam = (await platform.call("GET", f"{EXAM}/workflow/{task['workflow_id']}")).json()["exam_id"]
    query = {"params": {"task_id": task["id"]}, "headers": platform.service}
    result = (await platform.call("POST", f"{EXAM}/result", expect=201, **query)).json()["id"]
    place = f"{task['workflow_id']}/{task['id']}/{result}"
    for name, data in files.items():
        await platform.lake.put(f"lake/{place}/{name}", data)
    body = {"type": kind, "directory": "", "files": list(files)}
    url = f"{EXAM}/result/{result}"
    await platform.call("PUT", url, json=body, headers=platform.service, expect=200)
    return exam, result, place


async def told(platform, exam):
    """What left of an exam, oldest first, on its timeline and on that of the patient."""
    found = []
    patient = (await platform.call("GET", f"{EXAM}/{exam}", expect=200)).json()["patient_id"]
    for url in (f"{EXAM}/{exam}", f"{PATIENT}/{patient}"):
        query = {"params": {"order": "oldest"}}
        entries = (await platform.call("GET", f"{url}/timeline", expect=200, **query)).json()
        chosen = [entry for entry in entries if entry["action"].startswith(LEFT)]
        found.append([entry for entry in chosen if entry["action"] not in STORED])
    assert found[0] == found[1]
    assert all(entry["address"] == "127.0.0.1" for entry in found[0])
    return [
        (entry["actor"], entry["action"], {k: v[1] for k, v in entry["changes"].items()})
        for entry in found[0]
    ]


async def test_a_download_is_told_with_its_form_and_once_for_a_reading(house, now):
    exam, result, place = await stored(house, {"a.dcm": dicom(), "b.dcm": dicom()}, "DICOM")
    root = house.headers_of(UserRole.ADMIN, "root")
    for _ in range(2):
        await asyncio.gather(
            *(house.call("GET", f"{EXAM}/dcm/{place}/{name}.dcm", expect=200) for name in "abab")
        )
        ranged = {**house.medical, "Range": "bytes=0-9"}
        await house.call("GET", f"{EXAM}/dcm/{place}/a.dcm", headers=ranged, expect=206)
    images = ("user:tester", "result.downloaded", {"form": "dicom", "files": 2})
    assert await told(house, exam) == [images]
    await house.call("GET", f"{EXAM}/dcm/{place}/a.dcm", headers=root, expect=200)
    now[0] += timedelta(minutes=14)
    await house.call("GET", f"{EXAM}/dcm/{place}/a.dcm", expect=200)
    assert (await told(house, exam))[1:] == [("user:root", *images[1:])]
    now[0] += timedelta(minutes=2)
    await house.call("GET", f"{EXAM}/dcm/{place}/b.dcm", expect=200)
    assert (await told(house, exam))[2:] == [images]
    for _ in range(2):
        await house.call("GET", f"{EXAM}/result/{result}/zip", expect=200)
    whole = ("user:tester", "result.downloaded", {"form": "zip", "files": 2})
    assert (await told(house, exam))[3:] == [whole] * 2
    assert len(await house.events("result.downloaded")) == 5
    await house.call("GET", f"{EXAM}/dcm/{place}/c.dcm", expect=404)
    await house.call("GET", f"{EXAM}/dcm/{place}/b.dcm", headers={}, expect=401)
    assert len(await told(house, exam)) == 5


async def test_raw_data_are_told_as_a_file_and_as_readouts(house, tmp_path):
    rows = [readout(noise(n, 1, 8), kspace_encode_step_1=n) for n in range(3)]
    raw = write(tmp_path / "a.mrd", rows).read_bytes()
    exam, _, place = await stored(house, {"a.mrd": raw, "b.mrd": raw}, "MRD")
    url = f"{EXAM}/mrd/{place}"
    await house.call("GET", f"{url}/meta", expect=200)
    await house.call("GET", f"{url}/data?ids=9", expect=400)
    assert await told(house, exam) == []  # nothing measured has left
    await house.call("GET", f"{url}/data?ids=0", expect=200)
    await house.call("GET", f"{url}/data?ids=1", expect=200)
    await house.call("GET", f"{url}/kspace", expect=200)
    for name in ("a.mrd", "a.mrd", "b.mrd"):
        await house.call("GET", f"{url}/download?file={name}", expect=200)
    forms = [changes for _, _, changes in await told(house, exam)]
    assert forms == [{"form": form, "files": 1} for form in ("readouts", "raw data", "raw data")]


async def test_a_file_of_any_kind_comes_as_it_is_and_is_told_once_for_a_reading(house):
    report = b"%PDF-1.7 report"
    exam, result, _ = await stored(house, {"report.pdf": report, "map.nii.gz": b"x"}, "NOT_SET")
    url = f"{EXAM}/result/{result}/files"
    for _ in range(2):
        answer = await house.call("GET", f"{url}/report.pdf", expect=200)
        assert answer.content == report
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    await house.call("GET", f"{url}/map.nii.gz", expect=200)
    await house.call("GET", f"{url}/another.pdf", expect=404)
    await house.call("GET", f"{EXAM}/result/{new_id()}/files/report.pdf", expect=404)
    assert [entry[2] for entry in await told(house, exam)] == [{"form": "file", "files": 1}] * 2


async def test_images_that_become_nifti_are_told_and_what_cannot_is_not(house, samples_folder):
    paths = sorted((samples_folder / "dicom" / "siemens-mosaic").glob("*.dcm"))[:1]
    exam, result, _ = await stored(house, {"a.dcm": paths[0].read_bytes()}, "DICOM")
    await house.call("GET", f"{EXAM}/result/{result}/nifti", expect=200)
    assert [entry[2] for entry in await told(house, exam)] == [{"form": "nifti", "files": 1}]
    exam, result, _ = await stored(house, {"a.dcm": b"no image"}, "DICOM")
    await house.call("GET", f"{EXAM}/result/{result}/nifti", expect=422)
    assert await told(house, exam) == []


@pytest.mark.parametrize(("status", "ends"), [(200, "result.sent"), (400, "result.send_failed")])
async def test_what_is_sent_to_xnat_is_told_before_and_after(house, status, ends):
    given = house.app.state.settings.model_dump() | {
        "xnat_url": "https://xnat.example/base", "xnat_user": "u", "xnat_project": "HEADS",
        "xnat_password": "p",
    }  # fmt: skip
    house.app.state.settings = ExamManagerSettings(**given)
    exam, _, place = await stored(house, {"a.dcm": dicom(), "b.dcm": dicom()}, "DICOM")
    at_sending = []

    async def answer(request):
        at_sending.append(await told(house, exam))
        with zipfile.ZipFile(io.BytesIO(await request.aread())) as archive:
            assert len(archive.namelist()) == 2
        return Response(status, text="session of Lovelace")

    with respx.mock:
        respx.post("https://xnat.example/base/data/services/import").mock(side_effect=answer)
        await house.call("POST", f"{EXAM}/xnat/upload/{place}/*", expect=200 if status == 200
                         else 502)  # fmt: skip
    to = {"to": "HEADS at xnat.example", "files": 2}
    failed = {} if status == 200 else {"reason": "HTTP 400"}
    begun = ("user:tester", "result.sending", to)
    assert at_sending == [[begun]]
    assert await told(house, exam) == [begun, ("user:tester", ends, to | failed)]
    assert "Lovelace" not in str([event.data for event in await house.events()])


async def entries(platform, action):
    query = {"params": {"action": action}, "headers": platform.admin}
    return (await platform.call("GET", f"{LOGIN}/audit", expect=200, **query)).json()


async def test_an_export_of_protocols_and_of_the_trail_is_told(either):
    template = await either.exam(is_template=True, name="Knee")
    await either.call("GET", f"{EXAM}/templates/{template['id']}/export", expect=200)
    protocol = {"params": {"ids": template["protocol_id"]}}
    await either.call("GET", f"{EXAM}/protocols/export", expect=200, **protocol)
    found = await entries(either, "protocol.exported")
    assert [(entry["subject_id"], entry["exam_id"]) for entry in found] == [
        (template["id"], template["id"])
    ] * 2
    assert found[0]["changes"] == {"name": [None, "Knee"], "protocol_version": [None, 1]}
    await either.call("GET", f"{EXAM}/protocols/export", expect=404,
                      params={"ids": str(new_id())})  # fmt: skip
    assert len(await entries(either, "protocol.exported")) == 2
    asked = {"from": "2026-01-01T00:00:00Z", "subject": template["id"]}
    await either.call("GET", f"{LOGIN}/audit.csv", params=asked, expect=403)
    await either.call("GET", f"{LOGIN}/audit.csv", params=asked, headers=either.admin, expect=200)
    (entry,) = await entries(either, "audit.exported")
    assert entry["actor"] == "user:root"
    assert entry["changes"] == {
        "from": [None, "2026-01-01T00:00:00+00:00"],
        "filters": [None, ["subject"]],
    }


async def test_what_cannot_be_told_does_not_leave(house):
    _, result, place = await stored(house, {"a.dcm": dicom()}, "DICOM")
    async with house.app.state.sessions() as session, session.begin():
        await session.execute(sa.text("DROP TABLE audit_entry"))
    for url in (f"result/{result}/zip", f"dcm/{place}/a.dcm"):
        refused = await house.call("GET", f"{EXAM}/{url}")
        assert refused.is_server_error
        assert b"DICM" not in refused.content


async def test_downloads_at_once_hold_no_connection_while_they_wait_for_another(house):
    """There are 15: with as many readers that wait for a writer, nobody would get on."""
    _, result, _ = await stored(house, {"a.dcm": dicom()}, "DICOM")
    url = f"{EXAM}/result/{result}/zip"
    await asyncio.wait_for(
        asyncio.gather(*(house.call("GET", url, expect=200) for _ in range(40))), 25
    )
    assert len(await house.events("result.downloaded")) == 40
