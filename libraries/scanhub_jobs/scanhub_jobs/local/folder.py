"""The images of a folder."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ImplicitVRLittleEndian, MediaStorageDirectoryStorage

from scanhub_jobs.backend import Event, Instance, Subject
from scanhub_jobs.errors import ImageFolderError, SeriesNotFoundError
from scanhub_jobs.images.identity import patient_key

_TAGS = [
    "SOPInstanceUID", "SOPClassUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID",
    "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex", "SpecificCharacterSet",
]  # fmt: skip
_UIDS = ("SOPInstanceUID", "SOPClassUID", "SeriesInstanceUID", "StudyInstanceUID")


def read_instance(path: Path) -> Instance | None:
    """Return what a file holds; None: no DICOM image or document."""
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
    except (InvalidDicomError, OSError, ValueError, TypeError, AttributeError, EOFError):
        return None
    meta = dataset.file_meta
    directory = meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage
    if directory or not all(dataset.get(keyword) for keyword in _UIDS):
        return None
    return Instance(
        sop_instance_uid=str(dataset.SOPInstanceUID),
        sop_class_uid=str(dataset.SOPClassUID),
        transfer_syntax_uid=str(meta.get("TransferSyntaxUID", ImplicitVRLittleEndian)),
        series_instance_uid=str(dataset.SeriesInstanceUID),
        study_instance_uid=str(dataset.StudyInstanceUID),
        patient=patient_key(dataset),
        location=str(path),
    )


def read_folder(folder: Path) -> list[Instance]:
    """Return the objects below a folder, each once; what is no DICOM is passed over.

    Raises:
        ImageFolderError: There is no object in it.
    """
    files = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.is_file())
    found: dict[str, Instance] = {}
    for path in files:
        instance = read_instance(path)
        if instance is not None:
            found.setdefault(instance.sop_instance_uid, instance)
    if not found:
        raise ImageFolderError(f"There are no DICOM images in {folder}.")
    return list(found.values())


def subjects(instances: Iterable[Instance], event: Event) -> list[Subject]:
    """Return what an event happens for: each series, each study or each patient."""
    found = set()
    for instance in instances:
        study, series = instance.study_instance_uid, instance.series_instance_uid
        found.add(
            Subject(
                event=event,
                patient=instance.patient,
                study_instance_uid=None if event is Event.PATIENT_STABLE else study,
                series_instance_uid=series if event is Event.SERIES_STABLE else None,
            )
        )
    return sorted(found, key=lambda subject: (subject.patient, subject.key))


def the_subject(
    instances: Iterable[Instance], event: Event, *, series: str | None, study: str | None
) -> Subject:
    """Return the subject that is meant.

    Raises:
        SeriesNotFoundError: There is none or more than one; the text names them.
    """
    some = [
        instance
        for instance in instances
        if series in {None, instance.series_instance_uid}
        and study in {None, instance.study_instance_uid}
    ]
    found = subjects(some, event)
    if len(found) == 1:
        return found[0]
    named = ", ".join(subject.key for subject in found) or "none"
    raise SeriesNotFoundError(
        f"The job is for one {event.removeprefix('stable-')}; the folder has {named}. "
        "Say which by series= or study=."
    )


class FolderImages:
    """An ImageStore over files; what is made goes to another folder."""

    def __init__(self, instances: Sequence[Instance], made: Path, save: "Save") -> None:
        self._instances = list(instances)
        self._made = made
        self._save = save

    def instances(self) -> Sequence[Instance]:
        """Return all objects of the patient."""
        return self._instances

    def header(self, instance: Instance) -> Dataset:
        """Return the data set without its pixels."""
        return pydicom.dcmread(instance.location, stop_before_pixels=True)

    def open(self, instance: Instance) -> BinaryIO:
        """Open the file."""
        return Path(instance.location).open("rb")

    def keep(self, datasets: Sequence[Dataset]) -> Sequence[str]:
        """Write images as files, one folder for each series."""
        uids = []
        for dataset in datasets:
            folder = self._made / str(dataset.SeriesInstanceUID)
            folder.mkdir(parents=True, exist_ok=True)
            self._save(dataset, folder / f"{dataset.SOPInstanceUID}.dcm")
            uids.append(str(dataset.SOPInstanceUID))
        return uids


Save = Callable[[Dataset, Path], None]
