"""The tags that rules see of a series: those that the index keeps of one of its images."""

from typing import Any

from workflow_manager.dicom.models import DicomInstance, DicomSeries
from workflow_manager.dicom.part10 import KEPT_TAGS
from workflow_manager.routing_rules.rules import FORCED_RULE


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
    kept = {keyword: _text(instance.tags.get(keyword)) for keyword in KEPT_TAGS}
    return {**kept, **own}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "\\".join(_text(item) for item in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # DS "3" was read as a number
    return str(value)
