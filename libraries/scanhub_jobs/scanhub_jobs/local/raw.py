"""Raw data of a folder, for jobs that read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from scanhub_jobs.backend import Event, Instance, Reads, SessionInfo, Subject
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.local.folder import read_folder, subjects
from scanhub_jobs.uids import derived_uid

_ENDINGS = (".mrd", ".h5")
RAW_DATA = Subject(event=Event.STUDY_STABLE, patient="raw-data")
"""What a job for raw data works on: all that there are."""


@dataclass(frozen=True)
class Input:
    """What a job reads."""

    instances: Sequence[Instance] = ()
    raw_data: Sequence[Path] = ()

    def subjects(self, event: Event) -> list[Subject]:
        """Return what an event happens for; raw data are one subject, whatever the event."""
        return [RAW_DATA] if self.raw_data else subjects(self.instances, event)

    def reference(self, session: SessionInfo) -> Dataset | None:
        """Return patient and study of nobody, where no image says whose it is."""
        if self.instances:
            return None
        dataset = Dataset()
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.Modality = "MR"
        dataset.PatientID = dataset.PatientName = dataset.PatientBirthDate = ""
        dataset.PatientSex = ""
        dataset.StudyInstanceUID = derived_uid(session.id, "study")
        return dataset


def read_input(folder: Path, reads: Reads) -> Input:
    """Return what there is in a folder for a job.

    Raises:
        ImageFolderError: There are no images.
        JobInputError: There are no raw data.
    """
    if reads is Reads.IMAGES:
        return Input(instances=read_folder(folder))
    files = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    found = [path for path in files if path.is_file() and path.suffix.lower() in _ENDINGS]
    if not found:
        raise JobInputError(f"There are no raw data ({', '.join(_ENDINGS)}) in {folder}.")
    return Input(raw_data=found)
