"""Patient, study and series: the images of a session as a job sees them."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from scanhub_jobs.backend import ImageStore, Instance
from scanhub_jobs.errors import SeriesNotFoundError
from scanhub_jobs.images.metadata import SeriesMetadata, series_metadata
from scanhub_jobs.images.nifti import NiftiSet, to_nifti
from scanhub_jobs.images.sorting import sorted_images

Naming = Callable[[int, Instance], str]
_PIECE = 1 << 20
_UNSAFE = re.compile(r"[^0-9A-Za-z._-]")


def by_uid(_number: int, instance: Instance) -> str:
    """Name a file by its SOPInstanceUID."""
    return f"{_UNSAFE.sub('_', instance.sop_instance_uid)}.dcm"


def by_number(number: int, _instance: Instance) -> str:
    """Name a file by its place in the series, from 1."""
    return f"{number:06d}.dcm"


class Images:
    """Some images of a patient."""

    def __init__(self, store: ImageStore, instances: Sequence[Instance]) -> None:
        self._store = store
        self._instances = instances

    def __len__(self) -> int:
        return len(self._instances)

    @property
    def store(self) -> ImageStore:
        """Where they are."""
        return self._store

    @property
    def instances(self) -> Sequence[Instance]:
        """What there is, in no particular order."""
        return self._instances

    def sorted_instances(self) -> list[tuple[Dataset, Instance]]:
        """Return headers with their instances, series by series, each sorted by geometry."""
        found = []
        for _, instances in _grouped(self._instances, "series_instance_uid"):
            headers = [(self._store.header(instance), instance) for instance in instances]
            found += sorted_images(headers)
        return found

    def datasets(self, *, stop_before_pixels: bool = False) -> Iterator[Dataset]:
        """Give one data set after the other, sorted by geometry; one at a time is in memory.

        Args:
            stop_before_pixels: Headers only; pixels are not fetched.
        """
        for header, instance in self.sorted_instances():
            if stop_before_pixels:
                yield header
            else:
                with self._store.open(instance) as file:
                    dataset = pydicom.dcmread(file)
                yield dataset

    def export(self, folder: Path | str, *, naming: Naming = by_uid) -> list[Path]:
        """Write the files as they were received, sorted by geometry, and return their paths.

        What is already there is not fetched again, so an export that broke off goes on.

        Args:
            folder: Made if it is not there.
            naming: Gives the name for place and instance: `by_uid`, `by_number`, or your own.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for number, (_, instance) in enumerate(self.sorted_instances(), start=1):
            path = folder / naming(number, instance)
            if not path.exists():
                self._write(instance, path)
            paths.append(path)
        return paths

    def _write(self, instance: Instance, path: Path) -> None:
        part = path.with_name(f"{path.name}.part")
        with self._store.open(instance) as source, part.open("wb") as target:
            shutil.copyfileobj(source, target, _PIECE)
        part.replace(path)


class Series(Images):
    """One series."""

    @property
    def uid(self) -> str:
        """SeriesInstanceUID."""
        return self._instances[0].series_instance_uid

    @property
    def study_uid(self) -> str:
        """StudyInstanceUID."""
        return self._instances[0].study_instance_uid

    def headers(self) -> list[Dataset]:
        """Return all headers, sorted by geometry."""
        return [header for header, _ in self.sorted_instances()]

    def to_nifti(self, folder: Path | str | None = None, *, timeout_s: float = 600.0) -> NiftiSet:
        """Convert the series with dcm2niix; every output is there, with its role.

        Args:
            folder: Where the files go; none: they go when the set is forgotten.
            timeout_s: How long it may take.

        Raises:
            ConversionError: Not all images could be converted.
        """
        return to_nifti(self, folder, timeout_s=timeout_s)

    def metadata(self) -> SeriesMetadata:
        """Return what the series is, without anything that names the patient."""
        return series_metadata(self.headers())


class SeveralSeries(Images):
    """Images of more than one series."""

    @property
    def series(self) -> list[Series]:
        """The series, by their UIDs."""
        groups = _grouped(self._instances, "series_instance_uid")
        return [Series(self._store, instances) for _, instances in groups]

    def find_series(self, uid: str) -> Series:
        """Return one series.

        Raises:
            SeriesNotFoundError: It is not among these.
        """
        for series in self.series:
            if series.uid == uid:
                return series
        raise SeriesNotFoundError(f"There is no series {uid} among the images of this job.")


class Study(SeveralSeries):
    """One study."""

    @property
    def uid(self) -> str:
        """StudyInstanceUID."""
        return self._instances[0].study_instance_uid


class Patient(SeveralSeries):
    """One patient."""

    @property
    def key(self) -> str:
        """What tells this patient from others; no name."""
        return self._instances[0].patient

    @property
    def studies(self) -> list[Study]:
        """The studies, by their UIDs."""
        groups = _grouped(self._instances, "study_instance_uid")
        return [Study(self._store, instances) for _, instances in groups]


def _grouped(instances: Sequence[Instance], field: str) -> list[tuple[str, list[Instance]]]:
    groups: dict[str, list[Instance]] = {}
    for instance in instances:
        groups.setdefault(getattr(instance, field), []).append(instance)
    return sorted(groups.items())
