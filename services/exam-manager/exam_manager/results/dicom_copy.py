"""Copies of DICOM files that say whose they are by the record; the stored files stay."""

import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian

from exam_manager.results.scratch import Scratch
from scanhub_libraries.errors import PayloadTooLargeError, UnprocessableError

MOST_BYTES = 2 * 2**30
MOST_BYTES_OF_ONE = 512 * 2**20
"""It is held in memory, twice."""
_LONG_STRING = 64
_UTF_8 = "ISO_IR 192"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose images these are."""

    patient_id: str
    family_name: str
    given_name: str
    study_description: str


def write_zip(
    files: Mapping[str, Path], identity: Identity, scratch: Scratch
) -> tuple[IO[bytes], int]:
    """Return a zip of copies, as a file without a name, and its size.

    Args:
        files: The files to copy, by name.
        identity: Whose images they are.
        scratch: Where copies lie meanwhile.

    Raises:
        UnprocessableError: One of them is no DICOM file.
        PayloadTooLargeError: They are too much to send at once.
    """
    if sum(path.stat().st_size for path in files.values()) > MOST_BYTES:
        raise PayloadTooLargeError(
            f"The files have more than {MOST_BYTES // 2**30} GiB: send them one by one."
        )
    folder = scratch.home()
    target = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - handed to the caller
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for name, path in files.items():
                with archive.open(name, "w", force_zip64=True) as entry:
                    _write_copy(name, path, identity, entry, folder)
        size = target.tell()
        target.seek(0)
    except BaseException:
        target.close()
        raise
    return target, size


def _write_copy(name: str, path: Path, identity: Identity, target: IO[bytes], folder: Path) -> None:
    try:
        _check_size(name, path)
        dataset = dcmread(path)
        _identify(dataset, identity)
        # pydicom seeks, a zip does not
        with tempfile.SpooledTemporaryFile(64 * 2**20, dir=str(folder)) as copy:
            dataset.save_as(copy)
            copy.seek(0)
            while block := copy.read(2**20):
                target.write(block)
    except (InvalidDicomError, ValueError, KeyError, AttributeError, NotImplementedError) as error:
        raise UnprocessableError(f"{name} is no DICOM file that can be read.") from error


def _check_size(name: str, path: Path) -> None:
    """Refuse what would not fit into memory, however small the file may be.

    Raises:
        UnprocessableError: It is deflated as a whole (PS3.5 A.5): nobody knows how large it is.
        PayloadTooLargeError: It is too large.
    """
    if path.stat().st_size > MOST_BYTES_OF_ONE:
        raise PayloadTooLargeError(
            f"{name} has more than {MOST_BYTES_OF_ONE // 2**20} MiB: it cannot be sent from here."
        )
    if read_file_meta_info(path).get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        raise UnprocessableError(f"{name} is deflated as a whole: it cannot be sent from here.")


def _identify(dataset: FileDataset, identity: Identity) -> None:
    texts = {
        "PatientID": identity.patient_id,
        "PatientName": f"{_component(identity.family_name)}^{_component(identity.given_name)}",
        "StudyDescription": identity.study_description,
    }
    if not all(text.isascii() for text in texts.values()):
        dataset.decode()  # what is there in another character set
        dataset.SpecificCharacterSet = _UTF_8
    for keyword, text in texts.items():
        setattr(dataset, keyword, text.replace("\\", " ")[:_LONG_STRING])


def _component(name: str) -> str:
    """Return a name without what separates components of a PN (PS3.5 6.2.1)."""
    return " ".join(name.replace("^", " ").replace("=", " ").split())
