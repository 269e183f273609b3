"""Take out of NIfTI files what DICOM headers say of patients, and compress them.

dcm2niix copies Image Comments (0020,4000), which people fill as they like, into `aux_file`, and the
time of day into `descrip`. Of the text fields of a NIfTI-1 header (nifti1.h) only numbers by name
stay: `TE=30`. Run as a program: `python -m exam_manager.results.nifti_header FOLDER` makes
a `.nii.gz` of each `.nii`.
"""

import gzip
import re
import shutil
import sys
from pathlib import Path

_HEADER_BYTES = 352
"""Header (348) and the four bytes that say whether extensions follow."""
_MAGIC = b"n+1\0"
_TEXTS = {
    "data_type": (4, 10),
    "db_name": (14, 18),
    "aux_file": (228, 24),
    "intent_name": (328, 16),
}
"""Offset and length [byte]."""
_DESCRIP = (148, 80)
_NUMBER = re.compile(r"[A-Za-z]{1,12}=-?\d+(?:\.\d+)?")
_TIMES = ("time", "date")
_LEVEL = 5


def cleaned(header: bytes) -> bytes:
    """Return a header without text of the DICOM header.

    Args:
        header: The first 352 bytes of a NIfTI-1 file.

    Raises:
        ValueError: It is none, or has extensions, which may hold anything.
    """
    if len(header) != _HEADER_BYTES or header[344:348] != _MAGIC or header[348]:
        raise ValueError("no NIfTI-1 header without extensions")
    clean = bytearray(header)
    for offset, length in _TEXTS.values():
        clean[offset : offset + length] = bytes(length)
    offset, length = _DESCRIP
    said = header[offset : offset + length].split(b"\0")[0].decode("latin-1")
    kept = [part for part in said.split(";") if _NUMBER.fullmatch(part)]
    kept = [part for part in kept if not part.lower().startswith(_TIMES)]
    clean[offset : offset + length] = ";".join(kept).encode().ljust(length, b"\0")
    return bytes(clean)


def compress(path: Path) -> None:
    """Make a `.nii.gz` of a `.nii`, with a clean header, and remove it."""
    target = path.with_name(f"{path.name}.gz")
    with (
        path.open("rb") as source,
        target.open("wb") as file,
        # Neither a name nor a time in the header of gzip (RFC 1952).
        gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as output,
    ):
        output.write(cleaned(source.read(_HEADER_BYTES)))
        shutil.copyfileobj(source, output, 2**20)
    path.unlink()


def main() -> None:
    """Compress every `.nii` of a folder."""
    for path in sorted(Path(sys.argv[1]).glob("*.nii")):
        compress(path)


if __name__ == "__main__":
    main()
