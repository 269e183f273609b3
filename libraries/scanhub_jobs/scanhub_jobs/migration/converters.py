"""Conversions and DICOM objects, by their old names."""

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from pydicom.dataset import Dataset

from scanhub_jobs.errors import (
    ConversionError,
    ImageFolderError,
    NotInJobError,
    ParameterError,
    SeriesNotFoundError,
)
from scanhub_jobs.images.metadata import summary
from scanhub_jobs.images.series import Series
from scanhub_jobs.job_context import JobContext
from scanhub_jobs.local.folder import FolderImages, read_folder
from scanhub_jobs.making.dicom import DicomMaker
from scanhub_jobs.making.files import save_dicom
from scanhub_jobs.making.head import Maker

_YEARS = {"day": 1 / 365.25, "week": 7 / 365.25, "month": 1 / 12, "year": 1.0}
_ENHANCED_MR, _ENDING = "1.2.840.10008.5.1.4.1.1.4.1", ".nii"


class _OutsideJob(DicomMaker):
    """Makes objects where no job runs; each time others."""

    def __init__(self) -> None:
        self._made = 0

    def _maker(self) -> Maker:
        return Maker("scanhub-jobs", "1", datetime.now(UTC).replace(microsecond=0), str(uuid4()))


def _dicom() -> DicomMaker:
    try:
        return JobContext.current().dicom
    except NotInJobError:
        return _OutsideJob()


def get_series_dicom(
    series_id: str, dir_path: Path | str | None = None
) -> list[Dataset] | list[str] | None:
    """Return the data sets of a series, or the paths of its files in `dir_path`.

    They are sorted by geometry. None: there is no such series among the patient's images.
    """
    try:
        series = JobContext.current().patient.find_series(series_id)
    except SeriesNotFoundError:
        return None
    if dir_path is None:
        return list(series.datasets())
    return [str(path) for path in series.export(dir_path)]


def get_series_nifti(series_id: str, filename: Path | str | None = None) -> tuple[Any, Any, Any]:
    """Return a series as NIfTI: its primary output, see `NiftiSet.primary`.

    With `filename`: paths of the image and of the sidecar beside it, and None. Without: the
    nibabel image, what the sidecar says, and the values as 32 bit floating point.

    Raises:
        SeriesNotFoundError: There is no such series.
        ConversionError: It could not be converted.
    """
    found = JobContext.current().patient.find_series(series_id).to_nifti().primary()
    if filename is None:
        image = found.load()
        return image, found.metadata, np.asarray(image.dataobj, dtype=np.float32)
    target = Path(filename)
    shutil.copyfile(found.path, target)
    stem = target.name.removesuffix(".gz").removesuffix(_ENDING)
    sidecar = target.with_name(f"{stem}.json")
    sidecar.write_text(json.dumps(found.metadata), encoding="utf-8")
    return str(target), str(sidecar), None


def dicom_series_to_nifti(series_path: Path | str, output_file: Path | str) -> int:
    """Convert a folder to one NIfTI file; return how many slices it has, 0 if it failed."""
    try:
        instances = read_folder(Path(series_path))
        found = Series(FolderImages(instances, Path(), save_dicom), instances).to_nifti().primary()
    except (ConversionError, ImageFolderError):
        return 0
    shutil.copyfile(found.path, output_file)
    return found.slices


def get_simplified_json(ds: Dataset, n_slices: int | None = None) -> dict[str, Any]:
    """Return the elements of a data set by keyword, nested ones in their own objects.

    PatientAge is a number of whole years, whatever its unit was; `Slices` is `n_slices`.
    """
    found = summary(ds, patient=True)
    age = found.get("PatientAge")
    if age is not None:
        found["PatientAge"] = int(age["value"] * _YEARS[age["unit"]] + 1e-9)
    if n_slices is not None:
        found["Slices"] = n_slices
    return found


def nifti_to_dicom(  # noqa: PLR0917 - the signature it had
    img_nib: Any,
    modality: str,
    series_description: str = "",
    study_instance_uid: str | None = None,
    sop_class_uid: str | None = None,
    ref_dcm: Dataset | None = None,
) -> list[Dataset]:
    """Return a NIfTI image as data sets, each voxel at its place and with its value.

    Args:
        img_nib: A nibabel image; 4-D becomes several temporal positions.
        modality: MR, or CT with Hounsfield units.
        series_description: Of the new series.
        study_instance_uid: Where no reference says it.
        sop_class_uid: Enhanced MR Image Storage gives one data set; none: one for each slice.
        ref_dcm: An image of the source; none: the job's own series, or nobody.

    Raises:
        ParameterError: The modality is another: that would be an object of the wrong kind.
    """
    kind = {"MR": "mr", "CT": "ct"}.get(modality)
    if kind is None:
        raise ParameterError(f"modality={modality!r}: MR and CT objects are made of NIfTI here.")
    if kind == "mr" and sop_class_uid == _ENHANCED_MR:
        kind = "enhanced-mr"
    like = ref_dcm if ref_dcm is not None else _somebody(study_instance_uid)
    return _dicom().from_nifti(img_nib, like=like, kind=kind, description=series_description)


def _somebody(study_instance_uid: str | None) -> Dataset:
    """Return the job's own series, or a reference that says nothing but the study."""
    try:
        return JobContext.current().series.headers()[0]
    except (NotInJobError, SeriesNotFoundError):
        nobody = Dataset()
        nobody.SOPClassUID = nobody.SOPInstanceUID = nobody.SeriesInstanceUID = "2.25.0"
        if study_instance_uid:
            nobody.StudyInstanceUID = study_instance_uid
        return nobody


def make_series_dicom(
    ref_dicom: Dataset, datasets: Sequence[Dataset], series_description: str = ""
) -> list[Dataset]:
    """Make data sets a derived series of the reference's study, in place, and return them."""
    made = _dicom().derive(datasets, like=ref_dicom, description=series_description)
    for dataset, derived in zip(datasets, made, strict=True):
        dataset.clear()
        dataset.update(derived)
        dataset.file_meta = derived.file_meta
    return list(datasets)


def make_pdf_dicom(
    ref_dicom: Dataset,
    pdf_data: str | bytes,
    series_description: str | None = None,
    series_number: int | None = None,
) -> Dataset:
    """Return a PDF, as base64 text, as an object of the reference's study.

    Raises:
        InvalidDocumentError: It is no PDF.
    """
    return _dicom().from_pdf(
        pdf_data,
        like=ref_dicom,
        title=series_description or "PDF report",
        number=series_number,
        base64=True,
    )


def generate_dicom_from_pdf(pdf_data: str | bytes) -> Dataset:
    """Return a PDF, as base64 text, as an object of nobody's.

    Raises:
        InvalidDocumentError: It is no PDF.
    """
    return _OutsideJob().from_pdf(
        pdf_data,
        like=_somebody(None),
        title="PDF report",
        concept=("18748-4", "LN", "Diagnostic imaging study"),
        base64=True,
    )
