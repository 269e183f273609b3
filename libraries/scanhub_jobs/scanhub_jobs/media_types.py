"""What a file is, by its first bytes, else by its name."""

import mimetypes

HEAD_BYTES = 348
"""So many bytes suffice to tell (a NIfTI-1 header)."""
UNKNOWN = "application/octet-stream"
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (128, b"DICM", "application/dicom"),
    (344, b"n+1\0", "application/x-nifti"),
    (4, b"n+2\0", "application/x-nifti"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x89HDF\r\n\x1a\n", "application/x-hdf5"),
    (0, b"\x1f\x8b", "application/gzip"),
)
_BY_NAME = {".bval": "text/plain", ".bvec": "text/plain", ".nii": "application/x-nifti"}


def media_type(name: str, head: bytes) -> str:
    """Return the media type of a file.

    Args:
        name: Its name.
        head: Its first `HEAD_BYTES` bytes, or all of them.
    """
    for place, magic, found in _MAGIC:
        if head[place : place + len(magic)] == magic:
            return found
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    return _BY_NAME.get(suffix) or mimetypes.guess_type(name)[0] or UNKNOWN
