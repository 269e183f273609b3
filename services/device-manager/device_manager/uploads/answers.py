"""What requests about uploads are refused with, or answered."""

from device_manager.acquisitions.lease import Lease
from device_manager.links.commands import Feedback
from device_manager.uploads.archive import takes_files
from device_manager.uploads.models import Upload
from device_manager.uploads.rules import result_id_of
from scanhub_libraries.errors import ConflictError, GoneError, ScanHubError, UnprocessableError


def said_before(row: Upload) -> Feedback:
    """Return the verdict on a file that is a result since an earlier request."""
    return Feedback(
        message=row.problem or f"File {row.filename} saved before",
        ok=row.problem is None,
        result_id=result_id_of(row.acquisition_id, row.filename),
    )


def check_takes(lease: Lease) -> None:
    """Refuse a file of a scan that takes none.

    Raises:
        GoneError: It has ended.
    """
    if not takes_files(lease):
        raise GoneError(
            f"The acquisition has ended ({lease.state}): its files are no results any more. Start "
            "the task again to take data."
        )


def check_offset(offset: int, size: int) -> None:
    """Refuse a piece that does not begin where the file ends.

    Raises:
        ConflictError: It does not; the answer tells where that is.
    """
    if offset != size:
        raise at_offset(
            ConflictError(f"Upload-Offset is {offset}, but {size} bytes are there: go on there."),
            size,
        )


def at_offset(error: ScanHubError, size: int) -> ScanHubError:
    """Tell with a refusal how much is there, so that nobody has to ask."""
    error.headers.setdefault("Upload-Offset", str(size))
    return error


def refused(verdict: Feedback) -> UnprocessableError:
    """Return the answer to a device whose file is safe, but no result."""
    return UnprocessableError(verdict.message)
