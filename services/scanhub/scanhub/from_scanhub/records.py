"""Brings records of ScanHub into the databases of this installation, one after the other."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from device_manager.devices.tokens import DeviceTokens
from exam_manager.exams.models import Exam
from exam_manager.lake_sweep import mark_key
from exam_manager.patients.models import Patient
from exam_manager.sequences.models import Sequence
from exam_manager.sequences.reader import SequenceReader
from exam_manager.sequences.service import UploadedFile, create_sequence
from exam_manager.takeover import rows, service
from exam_manager.takeover.rows import Reading, Tree
from exam_manager.tasks.models import Task
from exam_manager.workflows.models import Workflow
from scanhub.from_scanhub.devices import take_device
from scanhub.from_scanhub.files import copy_files
from scanhub.from_scanhub.report import Report
from scanhub.from_scanhub.source import Document
from scanhub.from_scanhub.users import take_user
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, reading, transaction
from scanhub_libraries.errors import ScanHubError, UnprocessableError
from scanhub_libraries.lake import Lake
from scanhub_libraries.models import BaseMRISequence

_SEQUENCE_ID = 36


@dataclass(slots=True)
class Records:
    """Where records go.

    Attributes:
        exams: Sessions of exam-manager.
        devices: Sessions of device-manager.
        lake: Where files go.
        old_lake: ScanHub's lake; None: files of results are named as missing.
        tokens: Makes tokens of devices.
        read_sequence: Reads Pulseq files.
        folder: Where the report, credentials and passwords go.
        reading: How records are read.
        report: What became of everything.
    """

    exams: Sessions
    devices: Sessions
    lake: Lake
    old_lake: Path | None
    tokens: DeviceTokens
    read_sequence: SequenceReader
    folder: Path
    reading: Reading
    report: Report

    async def take_users(self, documents: Iterable[Document]) -> None:
        """Create the users that are not here."""
        for document in documents:
            name = document.get("username")
            with self._refusals(f"user {name}"):
                made = await take_user(self.exams, document, self.folder / "passwords.csv")
                self._count("users", made=made)

    async def take_devices(self, documents: Iterable[Document]) -> None:
        """Create the devices that are not here, with new credentials."""
        credentials = self.folder / "credentials"
        credentials.mkdir(mode=0o700, exist_ok=True)
        for document in documents:
            with self._refusals(f"device {document.get('id')}"):
                async with transaction(self.devices) as session:
                    made = await take_device(session, document, self.tokens, credentials)
                self._count("devices", made=made)

    async def take_sequences(
        self, documents: Iterable[Document], whole: Callable[[str], Awaitable[Document]]
    ) -> None:
        """Store the sequences that are not here; the file of one that is refused is kept beside."""
        for listed in documents:
            sequence_id = str(listed.get("_id") or listed.get("id") or "")
            with self._refusals(f"sequence {sequence_id}"):
                async with reading(self.exams) as session:
                    here = await service.is_here(session, Sequence, sequence_id)
                if not here:
                    document = listed if listed.get("seq_file") else await whole(sequence_id)
                    await self._store_sequence(sequence_id, document)
                self._count("sequences", made=not here)
        async with reading(self.exams) as session:
            self.reading.sequences = await service.sequence_ids(session)

    async def _store_sequence(self, sequence_id: str, document: Document) -> None:
        if not sequence_id.replace("-", "").isalnum() or len(sequence_id) > _SEQUENCE_ID:
            raise UnprocessableError("Its id is none of MongoDB, nor a UUID.")
        text, header = document.get("seq_file") or "", document.get("xml_file")
        body = BaseMRISequence.model_validate(
            {
                "name": document.get("name") or sequence_id,
                "description": document.get("description") or "",
                "sequence_type": document.get("sequence_type") or "",
                "tags": document.get("tags") or [],
            }
        )
        try:
            async with transaction(self.exams) as session:
                await create_sequence(
                    *(session, self.lake, self.read_sequence, body),
                    seq_file=UploadedFile("sequence.seq", str(text).encode()),
                    xml_file=UploadedFile("header.xml", str(header).encode()) if header else None,
                    version_of=None,
                    now=self.reading.moment(document.get("created_at")) or utc_now(),
                    sequence_id=sequence_id,
                )
        except ScanHubError:
            kept = self.folder / "sequences"
            kept.mkdir(exist_ok=True)
            (kept / f"{sequence_id}.seq").write_text(str(text), "utf-8")
            if header:
                (kept / f"{sequence_id}.xml").write_text(str(header), "utf-8")
            raise
        await self.lake.delete(mark_key(sequence_id))

    async def take_templates(
        self,
        exams: Iterable[Document],
        workflows: Iterable[Document],
        tasks: Iterable[Document],
    ) -> None:
        """Store templates; those of workflows and tasks that stand alone after those of exams."""
        for document in exams:
            await self._take_exam(document, "templates of exams")
        for document in workflows:
            if not document.get("exam_id"):
                await self._take_part(document, Workflow, rows.workflow_tree)
        for document in tasks:
            if not document.get("workflow_id"):
                await self._take_part(document, Task, rows.task_tree)

    async def _take_part(
        self,
        document: Document,
        table: type[Workflow | Task],
        read: Callable[[Document, Reading], Tree],
    ) -> None:
        kind = table.__name__.lower()
        with self._refusals(f"template of a {kind} {document.get('id')}"):
            tree = read(document, self.reading)
            record_id = (tree.workflows or tree.tasks)[0]["id"]
            async with transaction(self.exams) as session:
                here = await service.is_here(session, table, record_id)
                if not here:
                    await service.take_tree(session, tree)
            self._count(f"templates of {kind}s", made=not here)

    async def take_patient(
        self, document: Document, exams: Callable[[UUID], Awaitable[list[Document]]]
    ) -> None:
        """Store a patient, and then exam after exam."""
        with self._refusals(f"patient {document.get('id')}"):
            patient_id = UUID(str(document.get("id")))
            async with transaction(self.exams) as session:
                here = await service.is_here(session, Patient, patient_id)
                if not here:
                    created = self.reading.moment(document.get("datetime_created"))
                    patient = rows.patient_of(document)
                    await service.take_patient(
                        session, patient_id, patient, created_at=created or utc_now()
                    )
            self._count("patients", made=not here)
            for exam in await exams(patient_id):
                await self._take_exam({**exam, "patient_id": patient_id}, "exams")

    async def _take_exam(self, document: Document, kind: str) -> None:
        """Store an exam: first its files, then, with one transaction, its records."""
        with self._refusals(f"exam {document.get('id')}"):
            exam_id = UUID(str(document.get("id")))
            async with reading(self.exams) as session:
                here = await service.is_here(session, Exam, exam_id)
            if not here:
                tree = rows.exam_tree(document, self.reading)
                await self._copy_files(tree)
                async with transaction(self.exams) as session:
                    await service.take_tree(session, tree)
            self._count(kind, made=not here)

    async def _copy_files(self, tree: Tree) -> None:
        workflow_of = {task["id"]: task["workflow_id"] for task in tree.tasks}
        for result in tree.results:
            workflow_id = workflow_of[result["task_id"]]
            notes = await copy_files(self.lake, self.old_lake, result, workflow_id)
            self.reading.notes += notes
            self.report.taken["files"] += len(result["files"])

    def _count(self, kind: str, *, made: bool) -> None:
        (self.report.taken if made else self.report.here)[kind] += 1

    @contextmanager
    def _refusals(self, what: str) -> Iterator[None]:
        """Note what is refused, and go on with the next."""
        try:
            yield
        except ScanHubError as error:
            detail = error.detail
            line = detail if detail.startswith(what) else f"{what}: {detail}"
            self.report.refused.append(line)
        except ValueError as error:
            self.report.refused.append(f"{what}: {error}")
