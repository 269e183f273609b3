"""What a file from a device may be called and be, and which result it makes. Pure."""

from pathlib import PurePosixPath
from typing import Any, Final
from uuid import UUID, uuid5

from scanhub_libraries.errors import (
    InsufficientStorageError,
    PayloadTooLargeError,
    UnprocessableError,
)
from scanhub_libraries.lake import result_directory, safe_name
from scanhub_libraries.models import ResultType, SetResult

PARAMETER_FILE: Final = "device_parameter.json"
_TYPES: Final = {
    ".dcm": ResultType.DICOM,
    ".dicom": ResultType.DICOM,
    ".mrd": ResultType.MRD,
    ".h5": ResultType.MRD,
    ".npy": ResultType.NUMPY,
    ".json": ResultType.CALIBRATION,
}


def result_type(filename: str) -> ResultType:
    """Return what a file is, by the end of its name."""
    return _TYPES.get(PurePosixPath(filename).suffix.lower(), ResultType.NOT_SET)


def result_id_of(acquisition_id: UUID, filename: str) -> UUID:
    """Return the id of the result that a file of an acquisition makes.

    The same file sent again makes the same result, so that a repeated upload never doubles one.
    """
    return uuid5(acquisition_id, filename)


def check_header(filename: str, size_bytes: int, *, largest: int) -> str:
    """Return the name under which the file may be stored.

    Raises:
        UnprocessableError: The name cannot be one in the lake, or the file is empty.
        PayloadTooLargeError: The file is too large.
    """
    name = safe_name(filename)
    if name == PARAMETER_FILE:
        raise UnprocessableError(
            f"{PARAMETER_FILE} is written by the platform: send the file under another name.",
            field="filename",
        )
    if size_bytes <= 0:
        raise UnprocessableError(
            "size_bytes must be the size of the file, and an empty file is none.",
            field="size_bytes",
        )
    if size_bytes > largest:
        raise PayloadTooLargeError(
            f"The file has {size_bytes} bytes, the limit is {largest}: raise "
            "SCANHUB_DEVICE_MAX_UPLOAD_BYTES if this is right.",
            field="size_bytes",
        )
    return name


def check_room(
    size_bytes: int,
    to_come: int,
    *,
    free: int,
    awaited: int,
    watermark: int,
    of_device: int,
    quota: int,
) -> None:
    """Refuse a file that the lake has no room for, while the device still has it.

    Args:
        size_bytes: Size of the file.
        to_come: What of it is not in the lake yet.
        free: Room on the disk.
        awaited: What of other files is still to come.
        watermark: Room that stays free, for what the platform itself writes.
        of_device: Size of the other unfinished files of the same device.
        quota: The most that these may be together.

    Raises:
        InsufficientStorageError: It does not fit.
    """
    missing = to_come + awaited + watermark - free
    if missing > 0:
        raise InsufficientStorageError(
            f"The data lake has no room for it: {missing} bytes are missing (free: {free}, awaited "
            f"of other files: {awaited}, kept free: {watermark}). Keep the file and send it when "
            "there is room."
        )
    if of_device + size_bytes > quota:
        raise InsufficientStorageError(
            f"The unfinished files of this device have {of_device} bytes, with this one they would "
            f"be over the quota of {quota}. Keep the file, finish or delete the others first."
        )


def result_of(
    workflow_id: UUID, task_id: UUID, acquisition_id: UUID, device_id: UUID, file: dict[str, Any]
) -> SetResult:
    """Return the result that a stored file makes."""
    filename = str(file["filename"])
    return SetResult(
        type=result_type(filename),
        directory=result_directory(workflow_id, task_id, UUID(file["result_id"])),
        files=[filename, PARAMETER_FILE],
        meta={
            "sha256": file["sha256"],
            "size_bytes": file["size_bytes"],
            "acquisition_id": str(acquisition_id),
            "device_id": str(device_id),
        },
    )
