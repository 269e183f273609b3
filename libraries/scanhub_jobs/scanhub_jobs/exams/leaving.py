"""What the jobs of an exam leave as a result: images, files, and a document of how they ended."""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pydicom

from scanhub_jobs.backend import Producer
from scanhub_jobs.exams.given import Given
from scanhub_jobs.exams.running import document_of
from scanhub_jobs.local.stores import FolderFiles, producer_folder
from scanhub_jobs.results import JobResult, State

RESULTS = "results.json"
_UNSAFE = re.compile(r"[^0-9A-Za-z_.+@=,() -]")
_LONGEST = 120


def leave(results: Sequence[JobResult], given: Given, output: Path) -> list[str]:
    """Put what succeeded into the folder of a result; return the names of the files.

    Args:
        results: How the jobs ended.
        given: What they were given.
        output: The folder; it is not there yet.
    """
    output.mkdir(parents=True, exist_ok=True)
    (output / RESULTS).write_text(document_of(results), encoding="utf-8")
    taken = {RESULTS}
    for result in results:
        if result.state is State.SUCCEEDED:
            for name, source in _files(result, given):
                free = _free(name, taken, result)
                taken.add(free)
                _place(source, output / free)
    return sorted(taken)


def _files(result: JobResult, given: Given) -> Iterator[tuple[str, Path]]:
    producer = Producer(job=result.job.name, subject=result.subject)
    folder = producer_folder(given.out, producer)
    for path in sorted((folder / "dicom").glob("*/*.dcm")):
        yield path.name, path
    store = FolderFiles(given.out, producer)
    for name in store.names(producer):
        with store.open(producer, name) as file:
            yield file_name(name), Path(file.name)


def file_name(name: str) -> str:
    """Return the name of a session file as one of a result: letters, digits, and few others.

    What ends in `.dcm` is told from images that the job keeps: those enter the archive.
    """
    found = _UNSAFE.sub("_", name)[-_LONGEST:].strip(" .") or "file"
    found = found if found[0].isalnum() or found[0] == "_" else f"_{found}"
    return f"{found}_" if found.endswith((".dcm", ".part")) else found


def _free(name: str, taken: set[str], result: JobResult) -> str:
    """Return a name that no other file has: several subjects may leave the same."""
    if name not in taken:
        return name
    by_job = f"{result.job.name}-{name}"
    return by_job if by_job not in taken else f"{result.job.name}-{result.subject.key}-{name}"


def _place(source: Path, target: Path) -> None:
    """Let a file have a second name; where that cannot be, copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def strangers(output: Path, study_instance_uid: str | None) -> int:
    """Return how many images are of another study than the exam's."""
    if study_instance_uid is None:
        return 0
    uids = (
        str(pydicom.dcmread(path, specific_tags=["StudyInstanceUID"]).StudyInstanceUID)
        for path in sorted(output.glob("*.dcm"))
    )
    return sum(uid != study_instance_uid for uid in uids)
