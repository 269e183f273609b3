"""Moving over from ScanHub: everything with its id, nothing twice, nothing dropped in silence."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent))
from old_scanhub import OldScanHub, job, patient, task, tree

from device_manager.devices.models import Device
from device_manager.devices.tokens import DeviceTokens
from exam_manager.audit.models import AuditEntry
from exam_manager.exams.models import Exam
from exam_manager.exams.service import get_exam
from exam_manager.patients.models import Patient
from exam_manager.sequences.models import Sequence
from exam_manager.takeover.rows import INTERRUPTED
from exam_manager.tasks.models import Task
from exam_manager.users.models import Account
from exam_manager.workflows.models import Workflow
from scanhub.from_scanhub.move import Old, move, prepare
from scanhub.settings import InstallationSettings
from scanhub_device.simulated import default_sequence
from scanhub_libraries.database import create_engine, create_sessions, reading
from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.models import ItemStatus, UserRole
from scanhub_libraries.security.passwords import verify_password

SEQUENCE = "64f0c2a9e13b5a0012345678"
"""An id of MongoDB."""


class Scene:
    """An installation that takes over, and the one that it takes over from."""

    def __init__(self, settings, folder):
        self.settings, self.folder, self.old = settings, folder, OldScanHub()
        self.lake, self.said = folder / "old-lake", folder / "said"
        self.lake.mkdir()

    async def move(self, **options):
        """Take over; return whether all of it came, and the report."""
        report = self.folder / "report"
        report.mkdir(mode=0o700, exist_ok=True)
        async with self.old.served() as url:
            old = Old(
                url=url,
                login=("admin", options.get("password", self.old.password)),
                lake=self.lake,
                ca=None,
                zone=ZoneInfo("Europe/Berlin"),
            )
            with self.said.open("w") as said:
                whole = await move(self.settings, old, report, Console(file=said, width=200))
        return whole, json.loads((report / "report.json").read_text())

    def put(self, workflow_id, task_id, result_id, name, data=b"raw"):
        """Put a file into the old lake."""
        path = self.lake / str(workflow_id) / str(task_id) / str(result_id) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    async def read(self, statement, service="exam-manager"):
        """Return what a database says."""
        engine = create_engine(self.settings.database_url(service))
        try:
            async with reading(create_sessions(engine)) as session:
                return list(await session.scalars(statement))
        finally:
            await engine.dispose()

    async def exam(self, exam_id):
        """Return an exam as it is told over HTTP."""
        engine = create_engine(self.settings.database_url("exam-manager"))
        try:
            async with reading(create_sessions(engine)) as session:
                return await get_exam(session, exam_id)
        finally:
            await engine.dispose()


@pytest.fixture
def scene(empty_databases, tmp_path):
    return Scene(empty_databases, tmp_path)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def scene_of_each(request, tmp_path):
    """The same on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return Scene(request.getfixturevalue("empty_databases"), tmp_path)
    copied = request.getfixturevalue("copied_postgresql")
    urls = {
        f"{name}_database_url": copied(f"{name}_manager") for name in ("exam", "device", "workflow")
    }
    settings = InstallationSettings(data_dir=tmp_path / "data", **urls)
    settings.prepare()
    return Scene(settings, tmp_path)


def scanned(scene):
    """Let the old installation have a patient with a finished scan and its images."""
    ids = {
        name: uuid4() for name in ("patient", "exam", "workflow", "scan", "images", "raw", "dcm")
    }
    result = {"id": str(ids["raw"]), "type": "MRD", "directory": "/old", "files": ["data.mrd"]}
    images = {
        "id": str(ids["dcm"]),
        "type": "DICOM",
        "directory": "/old",
        "files": ["im 1.dcm", "gone.dcm", "ü.dcm"],
        "meta": {"run_id": "1"},
    }
    scan = task(ids["scan"], sequence_id=SEQUENCE, results=[result])
    done = job(ids["images"], ids["scan"], results=[images])
    scene.old.patients = [patient(ids["patient"])]
    scene.old.exams = {
        str(ids["patient"]): [
            tree(ids["exam"], ids["workflow"], [done, scan], patient_id=str(ids["patient"]))
        ]
    }
    text = default_sequence().read_text()
    scene.old.sequences = [
        {"_id": SEQUENCE, "name": "GRE", "description": "", "sequence_type": "gre", "tags": ["2d"]}
        | {"seq_file": text, "seq_file_extension": ".seq", "created_at": "2025-01-02T03:04:05"}
    ]
    scene.put(ids["workflow"], ids["scan"], ids["raw"], "data.mrd", b"raw data")
    scene.put(ids["workflow"], ids["images"], ids["dcm"], "im 1.dcm", b"image")
    scene.put(ids["workflow"], ids["images"], ids["dcm"], "ü.dcm", b"another")
    return ids


async def test_a_patient_comes_with_exams_files_and_sequence_and_a_second_time_changes_nothing(
    scene_of_each,
):
    scene = scene_of_each
    ids = scanned(scene)
    await asyncio.to_thread(prepare, scene.settings, scene.folder / "report")
    whole, report = await scene.move()
    assert (whole, report["refused"]) == (True, [])
    assert report["taken"] == {"sequences": 1, "patients": 1, "exams": 1, "files": 3}

    exam = await scene.exam(ids["exam"])
    assert exam.patient_id == ids["patient"]
    assert exam.status is ItemStatus.FINISHED, "ScanHub leaves exams NEW for ever"
    assert exam.datetime_created == datetime(2025, 8, 30, 8, tzinfo=UTC), "10:00 in Berlin"
    scan, images = exam.workflows[0].tasks
    assert (scan.id, scan.sequence_id, scan.creator) == (ids["scan"], SEQUENCE, "mtr")
    assert images.input_task_ids == [ids["scan"]]
    assert images.results[0].files == ["im 1.dcm", "_.dcm"]
    assert images.results[0].meta == {"run_id": "1"}
    lake = scene.settings.lake_root / images.results[0].directory
    assert (lake / "_.dcm").read_bytes() == b"another"
    assert any("'gone.dcm' is not in the lake" in note for note in report["notes"])
    assert any("'ü.dcm' is called '_.dcm'" in note for note in report["notes"])
    [sequence] = await scene.read(sa.select(Sequence))
    assert (sequence.id, sequence.tags) == (SEQUENCE, ["2d"])
    assert not list(scene.settings.lake_root.rglob("*.mark")), "nothing says it is half stored"

    entries = await scene.read(sa.select(AuditEntry.action))
    whole, report = await scene.move()
    assert whole
    assert set(report["taken"].values()) <= {0}
    assert report["here"] == {"sequences": 1, "patients": 1, "exams": 1}
    assert await scene.read(sa.select(AuditEntry.action)) == entries
    assert {"patient.created", "exam.created", "sequence.created"} <= set(entries)


async def test_what_a_record_may_not_be_is_refused_by_field_and_the_rest_comes(scene):
    good, tall, broken = uuid4(), uuid4(), uuid4()
    scene.old.patients = [
        patient(tall, height=-3.0, last_name=""),
        patient(broken, first_name="Grace"),
        patient(good),
    ]
    scene.old.exams = {str(broken): None}  # one wrong task, and ScanHub fails for the whole patient
    whole, report = await scene.move()
    assert not whole
    assert {row.id for row in await scene.read(sa.select(Patient))} == {broken, good}
    [of_tall] = [line for line in report["refused"] if str(tall) in line]
    assert "height: Input should be greater than 0" in of_tall
    assert "last_name: String should have at least 1 character" in of_tall
    assert "-3" not in of_tall.replace(str(tall), ""), "values of a patient stay out of reports"
    [of_broken] = [line for line in report["refused"] if str(broken) in line]
    assert "Internal Server Error" in of_broken

    scene.old.patients[0] = patient(tall)
    scene.old.exams = {}
    whole, report = await scene.move()
    assert (whole, report["taken"]["patients"]) == (True, 1)


async def test_what_was_at_work_is_over_with_the_reason(scene):
    patient_id, exam_id, running = uuid4(), uuid4(), uuid4()
    scene.old.patients = [patient(patient_id)]
    tasks = [task(running, status="INPROGRESS", progress=40, sequence_id="not-here", name=" ")]
    scene.old.exams = {str(patient_id): [tree(exam_id, uuid4(), tasks, patient_id=str(patient_id))]}
    _, report = await scene.move()
    exam = await scene.exam(exam_id)
    [over] = exam.workflows[0].tasks
    assert (over.status, over.status_reason) == (ItemStatus.ERROR, INTERRUPTED)
    assert (over.progress, over.sequence_id, over.name) == (40, None, "(no name)")
    assert exam.status is ItemStatus.ERROR
    assert len(report["notes"]) == 3


async def test_a_sequence_that_cannot_be_played_is_refused_and_its_file_kept(scene):
    scene.old.sequences = [
        {"_id": SEQUENCE, "name": "?", "seq_file": "no Pulseq", "created_at": "2025-01-02T03:04:05"}
    ]
    whole, report = await scene.move()
    assert not whole
    assert report["refused"][0].startswith(f"sequence {SEQUENCE}: seq_file, line 1")
    kept = scene.folder / "report" / "sequences" / f"{SEQUENCE}.seq"
    assert kept.read_text() == "no Pulseq"


async def test_templates_come_with_their_trees_and_alone(scene):
    exam_id, workflow_id = uuid4(), uuid4()
    inside, lone_task = uuid4(), uuid4()
    template = tree(exam_id, uuid4(), [task(inside, status="NEW", progress=0)], is_template=True)
    lone = tree(uuid4(), workflow_id, [])["workflows"][0] | {"exam_id": None, "is_template": True}
    scene.old.exam_templates = [template]
    scene.old.workflow_templates = [template["workflows"][0], lone]
    scene.old.task_templates = [
        task(inside, workflow_id=str(workflow_id), is_template=True),
        task(lone_task, status="NEW", is_template=True, workflow_id=None),
    ]
    whole, _ = await scene.move()
    assert whole
    [found] = await scene.read(sa.select(Exam))
    assert (found.is_template, found.protocol_id, found.protocol_version) == (True, exam_id, 1)
    assert found.study_instance_uid is None
    assert len(await scene.read(sa.select(Workflow))) == 2
    assert {row.id for row in await scene.read(sa.select(Task))} == {inside, lone_task}


async def test_devices_and_users_come_with_new_secrets_in_files_for_one_person(scene):
    device_id = uuid4()
    scene.old.devices = [
        {"id": str(device_id), "name": "Bay 1", "description": "0.55 T", "status": "BUSY"}
        | {"manufacturer": "Acme", "parameter": {"larmor_frequency": 23.5e6}}
    ]
    scene.old.users = [
        {"username": "mtr", "first_name": "M", "last_name": "Tr", "email": None}
        | {"role": "medical", "access_token": "", "token_type": ""}
    ]
    whole, _ = await scene.move()
    assert whole
    [device] = await scene.read(sa.select(Device), "device-manager")
    assert (device.id, device.status.value, device.manufacturer) == (device_id, "OFFLINE", "Acme")
    assert (device.parameter, device.parameter_version) == ({"larmor_frequency": 23.5e6}, 1)
    file = scene.folder / "report" / "credentials" / f"{device_id}.json"
    token = json.loads(file.read_text())["device_token"]
    assert DeviceTokens(scene.settings.device_token_key()).matches(token, device.token_hash)
    [account] = await scene.read(sa.select(Account))
    passwords = scene.folder / "report" / "passwords.csv"
    name, password = passwords.read_text().strip().split(",")
    assert (name, account.role, account.must_change_password) == ("mtr", UserRole.MEDICAL, True)
    assert await verify_password(password, account.password_hash)
    assert {path.stat().st_mode & 0o777 for path in (file, passwords)} == {0o600}


async def test_a_wrong_password_of_the_old_installation_is_told_and_nothing_written(scene):
    scanned(scene)
    with pytest.raises(ScanHubError, match="Invalid authentication credentials"):
        await scene.move(password="wrong")
    assert await scene.read(sa.select(Patient)) == []
