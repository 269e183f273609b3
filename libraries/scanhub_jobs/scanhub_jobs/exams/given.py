"""What a job of an exam is given: files, patient and study, and where it leaves what it makes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from scanhub_jobs.backend import Instance, SessionInfo
from scanhub_jobs.errors import ImageFolderError, JobInputError
from scanhub_jobs.local.folder import read_folder
from scanhub_jobs.local.stores import write_whole
from scanhub_jobs.mr_dicom import patient_and_study
from scanhub_jobs.reconstruction_context import ReconstructionContext


@dataclass(frozen=True)
class Given:
    """All of it."""

    context: ReconstructionContext
    instances: Sequence[Instance]
    raw_data: Sequence[Path]
    session: SessionInfo
    out: Path
    """Folder of the session: data, files and images of its jobs."""
    stop_file: Path
    timeout_s: float | None
    attempt: int

    @property
    def reference(self) -> Dataset | None:
        """Patient and study, where there are no images that say so."""
        if self.instances:
            return None
        return patient_and_study(self.context, self.context.acquired_at or self.session.created_at)


def read_given(
    inputs: Sequence[Path],
    context_file: Path,
    out: Path,
    *,
    stop_file: Path,
    timeout_s: float | None = None,
    attempt: int = 1,
) -> Given:
    """Read what a job is given.

    Args:
        inputs: Files of raw data, and folders of images.
        context_file: Patient and study.
        out: Folder of the session; what is there of another attempt is kept.
        stop_file: Appears when the job shall stop.
        timeout_s: How long it has [s].
        attempt: Which one, from 1.

    Raises:
        JobInputError: An input cannot be read.
    """
    context = ReconstructionContext.read(context_file)
    begun = context.processing.started_at or datetime.now(UTC)
    session = SessionInfo(id=context.run_id, created_at=begun.replace(microsecond=0))
    write_whole(out / "session.json", session.model_dump_json(indent=2).encode())
    found: dict[str, Instance] = {}
    for folder in (path for path in inputs if path.is_dir()):
        found.update((one.sop_instance_uid, one) for one in read_folder(folder))
    return Given(
        context=context,
        instances=list(found.values()),
        raw_data=[path for path in inputs if path.is_file()],
        session=session,
        out=out,
        stop_file=stop_file,
        timeout_s=timeout_s,
        attempt=attempt,
    )


def read_parameters(path: Path | None) -> Mapping[str, Any]:
    """Return the parameters of a file; none: all as by default.

    Raises:
        JobInputError: It holds no object of JSON.
    """
    if path is None:
        return {}
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise JobInputError(f"The parameters in {path.name} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise JobInputError("The parameters of a job are a JSON object.")
    return found


def check_inputs(given: Given, *, raw_data: bool) -> None:
    """Refuse inputs of another kind than the job reads.

    Raises:
        ImageFolderError: There are no images for a job that reads them.
        JobInputError: There are no raw data for one that reads those.
    """
    if raw_data and not given.raw_data:
        raise JobInputError("The job reads raw data, and its inputs are images.")
    if not raw_data and not given.instances:
        raise ImageFolderError("The job reads images, and its inputs are raw data.")
