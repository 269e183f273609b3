"""The tags that rules see of a series: those that the index keeps of one of its images."""

from collections.abc import Mapping, Sequence
from typing import Any

from scanhub_libraries.errors import UnprocessableError
from workflow_manager.dicom.extra_tags import with_extra_tags
from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.dicom.part10 import read_header
from workflow_manager.dicom.rules import NotStorableError
from workflow_manager.dicom.tags import KEPT_TAGS
from workflow_manager.routing_rules.rules import FORCED_RULE

_SEQUENCE = "RequestAttributesSequence"
OWN_TAGS = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "SOPClassUID",
    "MediaStorageSOPClassUID",
    "TransferSyntaxUID",
    "SenderAET",
    "ReceiverAET",
    "SenderAddress",
)
"""What rules see beside the tags that are kept of an image."""


def tags_of_file(head: bytes, extra: Sequence[str] = ()) -> dict[str, str]:
    """Return the tags that rules would see of a file that is received. Blocking.

    Args:
        head: The file from its beginning (PS3.10), at least up to its pixels.
        extra: What this installation keeps besides.

    Raises:
        UnprocessableError: It is no DICOM file, or would not be stored.
    """
    try:
        header = with_extra_tags(head, read_header(head), extra)
    except NotStorableError as error:
        raise UnprocessableError(str(error), field="file") from error
    own = {
        "StudyInstanceUID": header.study_instance_uid,
        "SeriesInstanceUID": header.series_instance_uid,
        "SOPInstanceUID": header.sop_instance_uid,
        "SOPClassUID": header.sop_class_uid,
        "MediaStorageSOPClassUID": header.sop_class_uid,
        "TransferSyntaxUID": header.transfer_syntax_uid,
    }
    return {name: own.get(name, "") for name in OWN_TAGS} | _kept(header.tags)


def tags_of(series: DicomSeries, instance: DicomInstance) -> dict[str, str]:
    """Return the tags as text; what is kept but absent in the image is empty."""
    own = {
        "StudyInstanceUID": series.study_instance_uid,
        "SeriesInstanceUID": series.series_instance_uid,
        "SOPInstanceUID": instance.sop_instance_uid,
        "SOPClassUID": instance.sop_class_uid,
        "MediaStorageSOPClassUID": instance.sop_class_uid,
        "TransferSyntaxUID": instance.transfer_syntax_uid,
        "SenderAET": series.source if series.task_id is None else "",
        "ReceiverAET": series.receiver_aet,
        "SenderAddress": series.sender_address,
    }
    if series.forced_rule:
        own[FORCED_RULE] = series.forced_rule
    return {**_kept(instance.tags), **own}


def _kept(tags: Mapping[str, Any]) -> dict[str, str]:
    """Return what the index always keeps, and what this installation has it keep of the image."""
    extra = {name: _text(value) for name, value in tags.items() if name != _SEQUENCE}
    return {**dict.fromkeys(KEPT_TAGS, ""), **extra}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "\\".join(_text(item) for item in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # DS "3" was read as a number
    return str(value)
