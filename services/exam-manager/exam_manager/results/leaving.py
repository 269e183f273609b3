"""What the audit trail is told when data of a result leave the house."""

from enum import StrEnum

from exam_manager.audit.disclosures import Disclosure
from exam_manager.results.files import Place
from scanhub_libraries.events import EventType


class Form(StrEnum):
    """In which form data are downloaded."""

    DICOM = "dicom"
    RAW_DATA = "raw data"
    READOUTS = "readouts"
    ZIP = "zip"
    NIFTI = "nifti"
    FILE = "file"


def downloaded(place: Place, form: Form, files: int) -> Disclosure:
    """Return that files of a result are downloaded, to the address of the request."""
    return _of(EventType.RESULT_DOWNLOADED, place, form=form.value, files=files)


def sending(place: Place, to: str, files: int) -> Disclosure:
    """Return that images are about to be sent; if nothing follows, the process ended meanwhile."""
    return _of(EventType.RESULT_SENDING, place, to=to, files=files)


def sent(place: Place, to: str, files: int) -> Disclosure:
    """Return that images were sent and taken."""
    return _of(EventType.RESULT_SENT, place, to=to, files=files)


def send_failed(place: Place, to: str, files: int, reason: str) -> Disclosure:
    """Return that images were not taken; some of them may have arrived."""
    return _of(EventType.RESULT_SEND_FAILED, place, to=to, files=files, reason=reason)


def _of(event_type: EventType, place: Place, **data: str | int) -> Disclosure:
    ids = {
        "result_id": str(place.result_id),
        "task_id": str(place.task_id),
        "workflow_id": str(place.workflow_id),
    }
    return Disclosure(event_type, place.result_id, {**ids, **data})
