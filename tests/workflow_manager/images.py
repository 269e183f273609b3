"""DICOM instances for tests, and real peers to exchange them with."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

STUDY, SERIES = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2"


def instance(number: int = 1, *, series: str = SERIES, text: str = "", size: int = 16) -> Dataset:
    """A small MR image."""
    dataset = Dataset()
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = f"{series}.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, series
    dataset.Modality, dataset.PatientID, dataset.PatientName = "MR", "P-1", "Doe^Jane"
    dataset.StudyDate, dataset.SeriesNumber, dataset.InstanceNumber = "20260102", 4, number
    dataset.SeriesDescription, dataset.ImageComments = "T2", text
    dataset.Rows = dataset.Columns = size
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    pixels = np.arange(size * size, dtype="<u2") + number
    dataset.add_new("PixelData", "OW", pixels.tobytes())
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta = meta
    return dataset


def write_instance(folder: Path, number: int = 1, **changes: object) -> Path:
    """An image as a file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{number}.dcm"
    instance(number, **changes).save_as(path, enforce_file_format=True)  # type: ignore[arg-type]
    return path


@contextmanager
def storescp(program: str, folder: Path, port: int, *options: str) -> Iterator[None]:
    """DCMTK's receiver."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [program, "-aet", "PEER", "-od", str(folder), *options, str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def data_set_bytes(path: Path) -> bytes:
    """The bytes of a file after its file meta information."""
    content = path.read_bytes()
    length = int.from_bytes(content[140:144], "little")
    return content[144 + length :]
