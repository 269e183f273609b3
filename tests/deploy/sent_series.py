"""Series of small images, and how a scanner sends them."""

import threading
import time
from pathlib import Path

import numpy as np
from asking import SETTLED_S
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from workflow_manager.dicom.associating import Peer
from workflow_manager.dicom.scu import send_series
from workflow_manager.senders.port import Pace

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


class Sending:
    """A scanner that sends a series, slowly if wanted, and again what was not taken.

    Args:
        deployment: Where to.
        items: UID and path of each image.
        bytes_per_s: How fast at most [byte/s].
    """

    def __init__(self, deployment, items, bytes_per_s=None) -> None:
        self._peer = Peer("127.0.0.1", deployment.dicom_port, "SCANHUB", "SENDER")
        self._left, self._pace = dict(items), Pace(bytes_per_s)
        self.begun = threading.Event()

    def run(self) -> None:
        """Send until all is taken; what was not answered with success is sent again."""
        deadline = time.monotonic() + SETTLED_S
        while self._left:
            assert time.monotonic() < deadline, f"{len(self._left)} images were never taken"
            for uid in send_series(
                list(self._left.items()), self._peer, pace=self._pace, after=self._note
            ).sent:
                self._left.pop(uid, None)
            if self._left:
                time.sleep(1)

    def _note(self, _uid, answer) -> None:
        if answer is not None:
            self.begun.set()


def send(deployment, items) -> None:
    """Send a series."""
    Sending(deployment, items).run()
