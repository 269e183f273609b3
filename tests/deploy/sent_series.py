"""Series of small images, and how a scanner sends them."""

import time
from pathlib import Path

import numpy as np
from asking import SETTLED_S
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from workflow_manager.dicom.associating import Peer
from workflow_manager.dicom.scu import send_series

IMAGES = 12


def write_series(folder: Path, description: str) -> tuple[str, list[tuple[str, Path]]]:
    """Write a series of small images; return its UID, and UID and path of each image."""
    series, study = str(generate_uid()), str(generate_uid())
    folder.mkdir(parents=True)
    items = []
    for number in range(1, IMAGES + 1):
        image = Dataset()
        image.SOPClassUID, image.SOPInstanceUID = MRImageStorage, f"{series[:60]}.{number}"
        image.StudyInstanceUID, image.SeriesInstanceUID = study, series
        image.PatientID, image.PatientName, image.Modality = "P-1", "Doe^Jane", "MR"
        image.SeriesDescription, image.InstanceNumber = description, number
        image.Rows = image.Columns = 64
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated = image.BitsStored = 16
        image.HighBit, image.PixelRepresentation = 15, 0
        image.PixelData = (np.arange(64 * 64, dtype="<u2") + number).tobytes()
        image.file_meta = meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = MRImageStorage
        meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / f"{number}.dcm"
        image.save_as(path, enforce_file_format=True)
        items.append((str(image.SOPInstanceUID), path))
    return series, items


def send(deployment, items) -> None:
    """Send as an archive does: what was not answered with success is sent again."""
    peer = Peer("127.0.0.1", deployment.dicom_port, "SCANHUB", "SENDER")
    left, deadline = dict(items), time.monotonic() + SETTLED_S
    while left:
        assert time.monotonic() < deadline, f"{len(left)} images were never taken"
        for uid in send_series(list(left.items()), peer).sent:
            left.pop(uid, None)
        if left:
            time.sleep(1)
