"""Synthetic images: small, of nobody, with UIDs of their own. Blocking."""

import uuid
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from scanhub_libraries.wording import counted
from workflow_manager.selftest.rules import IMAGES, SERIES_DESCRIPTION, SIDE

PATIENT = "SELFTEST"


def new_uid() -> str:
    """Return a UID made of a UUID (PS3.5 section B.2)."""
    return f"2.25.{uuid.uuid4().int}"


def write_images(folder: Path, study: str, series: list[str], date: str) -> dict[str, Path]:
    """Write the images of a study; return them by SOP Instance UID."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Path] = {}
    for place, uid in enumerate(series, start=1):
        for number in range(1, IMAGES + 1):
            image = _image(study, uid, place, number, date)
            path = folder / f"{place}-{number}.dcm"
            image.save_as(path, enforce_file_format=True)
            found[str(image.SOPInstanceUID)] = path
    return found


def _image(study: str, series: str, place: int, number: int, date: str) -> Dataset:
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = MRImageStorage, new_uid()
    image.StudyInstanceUID, image.SeriesInstanceUID = study, series
    image.Modality, image.PatientID, image.PatientName = "MR", PATIENT, PATIENT
    image.StudyDate, image.StudyDescription = date, SERIES_DESCRIPTION
    image.SeriesDescription = f"{SERIES_DESCRIPTION} {place}"
    image.SeriesNumber, image.InstanceNumber = place, number
    image.Rows = image.Columns = SIDE
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.PixelRepresentation = 15, 0
    pixels = np.arange(SIDE * SIDE, dtype="<u2") * number
    image.add_new("PixelData", "OW", pixels.tobytes())
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta = meta
    return image


def compare_changed(sent: dict[str, Path], folder: Path) -> str | None:
    """Say what is wrong with what arrived of images that a module had to add one to."""
    arrived = {str(image.SOPInstanceUID): image for image in map(dcmread, folder.rglob("*.dcm"))}
    if missing := {f"{uid}.1" for uid in sent} ^ arrived.keys():
        return f"{counted(len(missing), 'image')} did not arrive, or arrived unasked."
    for uid, path in sent.items():
        before, after = dcmread(path), arrived[f"{uid}.1"]
        if after.SeriesInstanceUID != f"{before.SeriesInstanceUID}.1":
            return f"Image {uid} arrived in another series."
        pixels = before.pixel_array
        if not np.array_equal(pixels + np.ones_like(pixels), after.pixel_array):
            return f"Image {uid} arrived, and the module has not changed it as it should."
    return None


def compare(sent: dict[str, Path], folder: Path) -> str | None:
    """Say what is wrong with what arrived in a folder; None: every image is there, as it was."""
    arrived = {str(dcmread(path).SOPInstanceUID): path for path in folder.rglob("*.dcm")}
    if missing := sent.keys() - arrived.keys():
        return f"{len(missing)} of {counted(len(sent), 'image')} did not arrive."
    if more := arrived.keys() - sent.keys():
        return f"{counted(len(more), 'image')} arrived that nobody sent."
    for uid, path in sent.items():
        if dcmread(path) != dcmread(arrived[uid]):
            return f"Image {uid} arrived with other content."
    return None
