"""Runs the jobs of a session for their subjects; what has succeeded before is not run again."""

import copy
import json
import logging
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydicom.dataset import Dataset

from scanhub_jobs.backend import Event, Producer, Reads, RunInfo, Subject
from scanhub_jobs.command_line import say_progress
from scanhub_jobs.declaring import Job
from scanhub_jobs.errors import JobDefinitionError
from scanhub_jobs.exams.given import Given
from scanhub_jobs.finding import in_order, jobs_beside
from scanhub_jobs.images.identity import patient_key
from scanhub_jobs.job_context import JobContext
from scanhub_jobs.local.backend import LocalBackend, LocalPeers
from scanhub_jobs.local.folder import FolderImages, subjects
from scanhub_jobs.local.opening import run_info
from scanhub_jobs.local.stores import note_producer, producer_folder, write_whole
from scanhub_jobs.making.files import save_dicom
from scanhub_jobs.mr_dicom import processing_item
from scanhub_jobs.parameters import shown
from scanhub_jobs.results import Ending, JobResult, State, execute, result_of

_ORDER = tuple(Event)
_SOURCES = ("SourceImageSequence", "SourceInstanceSequence")
_RESULT, _IMAGES = "result.json", "dicom"


@dataclass(frozen=True)
class Execution:
    """A job, and what it works on."""

    job: Job[Any]
    subject: Subject
    parameters: Mapping[str, Any]


def executions_of(job: Job[Any], parameters: Mapping[str, Any], given: Given) -> list[Execution]:
    """Return what is to run, in order: what a job needs first, with its defaults.

    Raises:
        JobDefinitionError: It needs a job that is not in its package.
        ParameterError: The parameters are wrong.
    """
    job.parameters(parameters)
    order = in_order(job)
    missing = {name for one in order for name in one.manifest.needs} - {one.name for one in order}
    if missing:
        raise JobDefinitionError(
            f"{job.name!r} needs {', '.join(sorted(missing))}, which is not in its package: such a "
            "job runs in a chain of a rule."
        )
    return [
        Execution(current, subject, parameters if current is job else {})
        for current in order
        for event in sorted(current.manifest.events, key=_ORDER.index)
        for subject in _subjects(current, event, given)
    ]


def _subjects(job: Job[Any], event: Event, given: Given) -> list[Subject]:
    """Return what an event happens for; raw data are one subject, whatever the event."""
    if job.manifest.reads is Reads.IMAGES:
        return subjects(given.instances, event)
    reference = given.reference or Dataset()
    patient = patient_key(reference) if "PatientID" in reference else "raw-data"
    uid = given.context.study.instance_uid
    return [Subject(event=Event.STUDY_STABLE, patient=patient, study_instance_uid=uid)]


class StandardOutput:
    """A Reporter: progress as lines of JSON, the log as text; a file that appears says stop."""

    def __init__(self, stop_file: Path, number: int, of: int) -> None:
        self._stop_file, self._number, self._of = stop_file, number, of

    def progress(self, fraction: float, message: str) -> None:
        """Tell how far the whole is."""
        say_progress((self._number + fraction) / self._of, message)

    def log(self, level: int, message: str) -> None:
        """Write a line."""
        sys.stdout.write(f"{logging.getLevelName(level)} {message}\n")
        sys.stdout.flush()

    def cancelled(self) -> bool:
        """Say whether the file is there."""
        return self._stop_file.exists()


class ExamImages(FolderImages):
    """An ImageStore whose images say of which run they are."""

    def __init__(self, given: Given, made: Path, patient: str) -> None:
        own = [one for one in given.instances if one.patient == patient]
        super().__init__(own, made, save_dicom)
        self._item = processing_item(given.context, "Processing of an exam")

    def keep(self, datasets: Sequence[Dataset]) -> Sequence[str]:
        """Write copies that say which run made them."""
        return super().keep([self._described(dataset) for dataset in datasets])

    def _described(self, dataset: Dataset) -> Dataset:
        found = copy.copy(dataset)
        before = list(dataset.get("ContributingEquipmentSequence") or [])
        found.ContributingEquipmentSequence = [*before, copy.deepcopy(self._item)]
        for keyword in _SOURCES:
            if keyword in found and not found.get(keyword):
                delattr(found, keyword)
        return found


def run_all(work: Sequence[Execution], given: Given) -> list[JobResult]:
    """Run jobs for their subjects until one does not succeed; return how each ended."""
    results: list[JobResult] = []
    for number, execution in enumerate(work):
        result = _before(execution, given) or _run(execution, given, results, (number, len(work)))
        results.append(result)
        if result.state not in {State.SUCCEEDED, State.SKIPPED, State.BLOCKED}:
            break
    return results


def _before(execution: Execution, given: Given) -> JobResult | None:
    """Return how another attempt ended that succeeded."""
    path = _folder(execution, given) / _RESULT
    if not path.is_file():
        return None
    result = JobResult.model_validate_json(path.read_bytes())
    return result if result.state is State.SUCCEEDED else None


def _folder(execution: Execution, given: Given) -> Path:
    return producer_folder(given.out, Producer(job=execution.job.name, subject=execution.subject))


def _run(
    execution: Execution, given: Given, before: Sequence[JobResult], place: tuple[int, int]
) -> JobResult:
    job, folder = execution.job, _folder(execution, given)
    shutil.rmtree(folder / _IMAGES, ignore_errors=True)  # of an attempt that failed
    info = run_info(
        job, given.session, execution.subject, attempt=given.attempt, others=jobs_beside(job)
    )
    context = _context(execution, given, info, place)
    blocking = _blocking(execution, before)
    if blocking:
        ending = Ending(state=State.BLOCKED, reason=blocking)
        result = result_of(context, ending, datetime.now(UTC), dict(execution.parameters))
    else:
        result = execute(job, context)
    result.parameters = shown(job.manifest.parameters, result.parameters)
    write_whole(folder / _RESULT, result.model_dump_json(indent=2).encode())
    return result


def _context(
    execution: Execution, given: Given, info: RunInfo, place: tuple[int, int]
) -> JobContext[Any]:
    deadline = None
    if given.timeout_s is not None:
        deadline = datetime.now(UTC) + timedelta(seconds=given.timeout_s)
    info = info.model_copy(update={"job": info.job.model_copy(update={"deadline": deadline})})
    backend = LocalBackend(
        info,
        given.instances,
        given.out,
        peers=LocalPeers(),
        reporter=StandardOutput(given.stop_file, *place),
        raw_data=given.raw_data,
        reference=given.reference,
    )
    note_producer(given.out, info.producer)
    backend.images = ExamImages(given, backend.folder / _IMAGES, info.subject.patient)
    params: BaseModel = execution.job.parameters(execution.parameters)
    return JobContext(backend, params)


def _blocking(execution: Execution, before: Sequence[JobResult]) -> str:
    """Name the job that did not succeed though this one needs it."""
    for result in before:
        needed = result.job.name in execution.job.manifest.needs
        touches = result.subject.touches(execution.subject)
        if needed and touches and result.state is not State.SUCCEEDED:
            return f"{result.job.name!r}, which it needs, is {result.state}."
    return ""


def document_of(results: Sequence[JobResult]) -> str:
    """Return how the jobs ended, as JSON."""
    return json.dumps([result.model_dump(mode="json") for result in results], indent=2) + "\n"
