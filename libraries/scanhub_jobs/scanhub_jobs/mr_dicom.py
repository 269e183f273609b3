"""Write reconstructed slices as DICOM MR Image Storage (PS3.3 A.4)."""

import os
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

from scanhub_jobs.cartesian import ImageSlice, Reconstruction
from scanhub_jobs.mrd_header import Header
from scanhub_jobs.mrd_images import ImageType
from scanhub_jobs.reconstruction_context import ReconstructionContext
from scanhub_jobs.sequence_tags import describe_sequence, patient_position
from scanhub_jobs.uids import derived_uid

_IMPLEMENTATION_UID = UID(derived_uid("implementation"))
_MAX_STORED = 32767
_KINDS = {
    ImageType.PHASE: ["PHASE MAP"],
    ImageType.REAL: ["OTHER", "REAL"],
    ImageType.IMAGINARY: ["OTHER", "IMAGINARY"],
}
"""ImageType from value 3 on (PS3.3 C.8.3.1.1.1)."""
_DS_LENGTH = 16


def _text(value: str, length: int) -> str:
    """Fit a text into LO or SH: no backslash, no control characters, cut to its length."""
    clean = "".join(c if c.isprintable() and c != "\\" else " " for c in value)
    return " ".join(clean.split())[:length]


def _number(value: float) -> str:
    """Write a decimal string of at most 16 characters (PS3.5 6.2)."""
    for digits in range(12, 3, -1):
        text = f"{value + 0.0:.{digits}g}"
        if len(text) <= _DS_LENGTH:
            return text
    raise ValueError(f"{value} does not fit a decimal string")


def _numbers(values: NDArray[np.float64]) -> list[str]:
    return [_number(round(float(v), 9) + 0.0) for v in values]


def write_mr_dicom(
    reconstruction: Reconstruction,
    context: ReconstructionContext,
    folder: Path,
    *,
    made_at: datetime,
    kind: ImageType = ImageType.MAGNITUDE,
    part: int = 0,
) -> list[Path]:
    """Write one file per slice and return them in the order of their InstanceNumber.

    UIDs follow from the run alone: writing the same run again gives the same objects.

    Args:
        reconstruction: The images of a series.
        context: Patient, study, and what the series is called.
        folder: Where the files go.
        made_at: When the data were acquired.
        kind: What the pixels are.
        part: Number of the series, where a run makes several.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scale, window = display_window([s.pixels for s in reconstruction.slices])
    series = _series(reconstruction, context, made_at)
    key = [str(part)] if part else []
    series.SeriesInstanceUID = derived_uid(context.run_id, "series", *key)
    if part and series.SeriesNumber is not None:
        series.SeriesNumber += part
    if kind in _KINDS:
        series.ImageType = ["ORIGINAL", "PRIMARY", *_KINDS[kind]]
    signed = any(float(image.pixels.min()) < 0 for image in reconstruction.slices)
    digits = max(4, len(str(len(reconstruction.slices))))
    paths = []
    for number, image in enumerate(reconstruction.slices, start=1):
        dataset = Dataset()
        dataset.update(series)
        dataset.SOPInstanceUID = derived_uid(context.run_id, "instance", *key, number)
        dataset.InstanceNumber = number
        _describe_slice(dataset, image, reconstruction)
        _write_pixels(dataset, image.pixels, scale, window, signed=signed)
        prefix = f"series-{part + 1}-" if part else ""
        path = folder / f"{prefix}image-{number:0{digits}d}.dcm"
        _save(dataset, path)
        paths.append(path)
    return paths


def patient_and_study(context: ReconstructionContext, made_at: datetime) -> Dataset:
    """Return a data set that says whose exam something is of, and nothing of images.

    Args:
        context: Of the run.
        made_at: When the data were acquired.
    """
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.Modality = "MR"
    _describe_patient(dataset, context)
    _describe_study(dataset, context, made_at)
    dataset.FrameOfReferenceUID = _frame_of_reference(dataset, context.series.patient_position)
    if context.series.number is not None:
        dataset.SeriesNumber = context.series.number
    if context.series.body_part:
        dataset.BodyPartExamined = _text(context.series.body_part.upper(), 16)
    return dataset


def _frame_of_reference(dataset: Dataset, position: str | None) -> str:
    """Return the UID of the coordinates; a patient who was turned is in others (C.7.4.1)."""
    turned = [position] if position not in {None, "HFS"} else []
    return derived_uid(dataset.StudyInstanceUID, "frame-of-reference", *turned)


def display_window(images: list[NDArray[np.float32]]) -> tuple[float, tuple[float, float]]:
    """Return one scale to stored values and one window for the series, so that slices compare."""
    highest = max(float(np.abs(image).max()) for image in images)
    scale = _MAX_STORED / highest if highest > 0 else 1.0
    sample = np.concatenate([image.ravel()[:: max(1, image.size // 65536)] for image in images])
    low, high = np.percentile(sample * scale, (1.0, 99.5))
    width = max(float(high - low), 1.0)
    return scale, (round(float(low) + width / 2, 1), round(width, 1))


def _series(
    reconstruction: Reconstruction, context: ReconstructionContext, made_at: datetime
) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = MRImageStorage
    dataset.Modality = "MR"
    _describe_patient(dataset, context)
    _describe_study(dataset, context, made_at)
    _describe_equipment(dataset, reconstruction.header, context)
    describe_sequence(dataset, reconstruction)
    series = context.series
    position, doubt = patient_position(reconstruction.header, series.patient_position)
    dataset.PatientPosition = position
    if doubt and doubt not in reconstruction.warnings:
        reconstruction.warnings.insert(0, doubt)
    dataset.SeriesNumber = series.number
    dataset.SeriesDescription = _text(series.description, 64)
    if series.protocol_name:
        dataset.ProtocolName = _text(series.protocol_name, 64)
    dataset.BodyPartExamined = _text(series.body_part.upper(), 16)
    dataset.Laterality = ""
    dataset.PositionReferenceIndicator = ""
    dataset.FrameOfReferenceUID = _frame_of_reference(dataset, position)
    dataset.TimezoneOffsetFromUTC = made_at.strftime("%z") or "+0000"
    for prefix in ("Series", "Content", "InstanceCreation", "Acquisition"):
        setattr(dataset, f"{prefix}Date", made_at.strftime("%Y%m%d"))
        setattr(dataset, f"{prefix}Time", made_at.strftime("%H%M%S.%f"))
    if reconstruction.warnings:
        dataset.ImageComments = _text("; ".join(reconstruction.warnings), 1024)
    return dataset


def _describe_patient(dataset: Dataset, context: ReconstructionContext) -> None:
    patient = context.patient
    dataset.PatientName = patient.name
    dataset.PatientID = _text(patient.id, 64)
    born = patient.birth_date
    dataset.PatientBirthDate = born.strftime("%Y%m%d") if born else ""
    dataset.PatientSex = patient.sex
    if patient.weight_kg is not None:
        dataset.PatientWeight = _number(patient.weight_kg)
    if patient.height_m is not None:
        dataset.PatientSize = _number(patient.height_m)
    if patient.medical_alerts:
        dataset.MedicalAlerts = [_text(alert, 64) for alert in patient.medical_alerts]
    if patient.allergies:
        dataset.Allergies = [_text(allergy, 64) for allergy in patient.allergies]
    if patient.pregnancy_status is not None:
        dataset.PregnancyStatus = patient.pregnancy_status


def _describe_study(dataset: Dataset, context: ReconstructionContext, made_at: datetime) -> None:
    study = context.study
    dataset.StudyInstanceUID = study.instance_uid or derived_uid(context.run_id, "study")
    dataset.StudyID = _text(study.id, 16)
    dataset.AccessionNumber = _text(study.accession_number, 16)
    dataset.StudyDate = (study.study_date or made_at.date()).strftime("%Y%m%d")
    dataset.StudyTime = (study.study_time or made_at.time()).strftime("%H%M%S")
    dataset.ReferringPhysicianName = study.referring_physician
    if study.description:
        dataset.StudyDescription = _text(study.description, 64)


def _describe_equipment(dataset: Dataset, header: Header, context: ReconstructionContext) -> None:
    known = context.equipment
    dataset.Manufacturer = _text(known.manufacturer or header.vendor, 64)
    optional = {
        "ManufacturerModelName": _text(known.model or header.model, 64),
        "DeviceSerialNumber": _text(known.serial_number or header.serial_number, 64),
        "StationName": _text(known.station_name or header.station, 16),
        "InstitutionName": _text(known.institution or header.institution, 64),
    }
    for keyword, value in optional.items():
        if value:
            setattr(dataset, keyword, value)
    dataset.ContributingEquipmentSequence = [processing_item(context)]


def processing_item(
    context: ReconstructionContext, what: str = "Image reconstruction from raw data"
) -> Dataset:
    """Return who computed, which is not the scanner (PS3.3 C.12.1).

    Args:
        context: Of the run.
        what: What was computed.
    """
    known, item, purpose = context.processing, Dataset(), Dataset()
    purpose.CodeValue = "109102"
    purpose.CodingSchemeDesignator = "DCM"
    purpose.CodeMeaning = "Processing Equipment"
    item.PurposeOfReferenceCodeSequence = [purpose]
    item.Manufacturer = "MRI control plane"
    item.ManufacturerModelName = _text(known.job, 64)
    if known.station_name:
        item.StationName = _text(known.station_name, 16)
    if known.version:
        item.SoftwareVersions = _text(known.version, 64)
    if known.started_at is not None:
        item.ContributionDateTime = known.started_at.strftime("%Y%m%d%H%M%S.%f%z")
    said = [what, *([known.details] if known.details else [])]
    item.ContributionDescription = _text("; ".join(said), 1024)
    return item


def _describe_slice(dataset: Dataset, image: ImageSlice, reconstruction: Reconstruction) -> None:
    plane = image.plane
    dataset.AcquisitionNumber = image.repetition + 1
    dataset.ImagePositionPatient = _numbers(plane.origin)
    dataset.ImageOrientationPatient = _numbers(np.concatenate([plane.across, plane.down]))
    dataset.PixelSpacing = [_number(plane.pixel_down), _number(plane.pixel_across)]
    dataset.SliceThickness = _number(plane.thickness)
    dataset.SpacingBetweenSlices = _number(reconstruction.spacing_mm)
    dataset.SliceLocation = _number(round(plane.depth, 6))
    dataset.EchoNumbers = image.contrast + 1
    echo_times = reconstruction.header.echo_times_ms
    echo = min(image.contrast, len(echo_times) - 1)
    dataset.EchoTime = _number(echo_times[echo]) if echo_times else None


def _write_pixels(
    dataset: Dataset,
    pixels: NDArray[np.float32],
    scale: float,
    window: tuple[float, float],
    *,
    signed: bool,
) -> None:
    stored = np.rint(pixels * scale).astype("<i2" if signed else "<u2")
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = int(signed)
    vr = "SS" if signed else "US"
    dataset.add_new("SmallestImagePixelValue", vr, int(stored.min()))
    dataset.add_new("LargestImagePixelValue", vr, int(stored.max()))
    dataset.WindowCenter, dataset.WindowWidth = (_number(value) for value in window)
    dataset.add_new("PixelData", "OW", stored.tobytes())


def _save(dataset: Dataset, path: Path) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _IMPLEMENTATION_UID
    meta.ImplementationVersionName = "MRICONTROLPLANE"
    dataset.file_meta = meta
    with path.open("wb") as file:
        dataset.save_as(file, enforce_file_format=True)
        file.flush()
        os.fsync(file.fileno())
