"""The files of a session, and the images that its jobs are given. Blocking calls."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pydicom

from scanhub_jobs.backend import Instance
from scanhub_libraries.lake_unfinished import sync_directory

_IMAGES = "images.json"
_PIECE = 2**20


def session_folder(root: Path, session_id: UUID) -> Path:
    """Return where the files of a session are."""
    return root / "job_sessions" / session_id.hex


def file_place(root: Path, session_id: UUID, key: str) -> Path:
    """Return where one of them is."""
    return session_folder(root, session_id) / "files" / key


def upload_place(root: Path, session_id: UUID, upload: str) -> Path:
    """Return where bytes are that came, and are no file yet."""
    return session_folder(root, session_id) / "uploads" / upload


def drop_session(root: Path, session_id: UUID) -> None:
    """Remove all files of a session."""
    shutil.rmtree(session_folder(root, session_id), ignore_errors=True)


def take_upload(upload: Path, place: Path) -> None:
    """Let bytes that came be a file; they survive a power cut from now on."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with upload.open("rb") as file:
        os.fsync(file.fileno())
    upload.rename(place)
    sync_directory(place.parent)


def checksum(path: Path) -> tuple[int, str]:
    """Return size and SHA-256 of a file."""
    total, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            total.update(piece)
            size += len(piece)
    return size, total.hexdigest()


def write_images(folder: Path, images: Sequence[tuple[Instance, Path]]) -> None:
    """Write down which images a job is given, and where they are."""
    document = [[instance.model_dump(), str(path)] for instance, path in images]
    part = folder / f"{_IMAGES}.part"
    part.write_text(json.dumps(document))
    part.rename(folder / _IMAGES)


def read_images(folder: Path) -> dict[str, tuple[dict[str, Any], Path]]:
    """Return the images that a job is given by SOP Instance UID, each with its file."""
    document = json.loads((folder / _IMAGES).read_text())
    return {fields["sop_instance_uid"]: (fields, Path(path)) for fields, path in document}


def header_of(path: Path) -> bytes:
    """Return a DICOM file up to its pixels; a deflated one is returned whole."""
    with path.open("rb") as file:
        dataset = pydicom.dcmread(file, stop_before_pixels=True)
        end = file.tell()
        if dataset.file_meta.TransferSyntaxUID.is_deflated:
            end = -1
        file.seek(0)
        return file.read(end)
