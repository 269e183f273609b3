"""What is imported, and what is not. Pure."""

from enum import StrEnum

MOST_FILES = 100_000
"""Files of one import, with those in its archives."""
MOST_PARTS = 10_000
"""Files that one request brings; an archive counts as one."""
DICOM_MAGIC, DICOM_MAGIC_AT = b"DICM", 128
ZIP_MAGIC = b"PK\x03\x04"
EMPTY_ZIP_MAGIC = b"PK\x05\x06"
MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
"""SOP class of a DICOMDIR (PS3.3 annex F): it lists images and is none."""


class ImportKind(StrEnum):
    """Where files come from."""

    UPLOAD = "upload"
    FOLDER = "folder"
    DATASET = "dataset"


class ImportState(StrEnum):
    """Where an import stands."""

    RECEIVING = "receiving"
    """Files are being uploaded."""
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"


class FileOutcome(StrEnum):
    """What became of a file."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    QUARANTINED = "quarantined"
    REFUSED = "refused"


class UnreadableError(Exception):
    """A file or an archive cannot be imported: the reason, for a person."""


def is_zip(head: bytes) -> bool:
    """Say whether a file is a zip archive, by its first bytes."""
    return head.startswith((ZIP_MAGIC, EMPTY_ZIP_MAGIC))


def is_dicom(head: bytes) -> bool:
    """Say whether a file is a DICOM file, by its first 132 bytes (PS3.10 section 7.1)."""
    return head[DICOM_MAGIC_AT : DICOM_MAGIC_AT + 4] == DICOM_MAGIC


def shown(name: str) -> str:
    """Return a name as it is kept: it is shown to people, and no path is ever made of it."""
    text = "".join(letter if letter.isprintable() else "?" for letter in name)
    return text.encode("utf-8", "replace").decode()[:1000]
