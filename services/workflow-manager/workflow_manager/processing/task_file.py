"""What a module is told in task.json and in the `.tags` of each image: mercure's words. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from workflow_manager.cases.models import Case
from workflow_manager.dicom.models import DicomSeries

_MISSING = "MISSING"


def image_name(series_instance_uid: str, sop_instance_uid: str) -> str:
    """Return how the file of an image is called, without suffix."""
    return f"{series_instance_uid}#{sop_instance_uid}"


def task_document(
    case: Case,
    series: Sequence[DicomSeries],
    tags: Mapping[str, str],
    process: Mapping[str, Any],
    version: str,
) -> dict[str, Any]:
    """Return task.json.

    Args:
        case: For which the module runs.
        series: Its series.
        tags: Of one of its images.
        process: The step: module, settings.
        version: Of this software.
    """
    first = series[0] if series else None
    study = case.kind.value == "study"
    info = {
        "action": case.action,
        "uid": case.study_instance_uid if study or first is None else first.series_instance_uid,
        "uid_type": case.kind.value,
        "triggered_rules": {case.rule: True},
        "applied_rule": case.rule,
        "patient_name": tags.get("PatientName") or _MISSING,
        "mrn": tags.get("PatientID") or _MISSING,
        "acc": tags.get("AccessionNumber") or _MISSING,
        "sender_address": (first.sender_address if first else "") or _MISSING,
        "sender_aet": (first.source if first else "") or _MISSING,
        "receiver_aet": (first.receiver_aet if first else "") or _MISSING,
        "device_serial_number": tags.get("DeviceSerialNumber") or _MISSING,
        "mercure_version": version,
        "mercure_appliance": "",
        "mercure_server": "",
        "fail_stage": None,
    }
    return {
        "id": str(case.id),
        "info": info,
        "dispatch": {"target_name": case.targets} if case.action == "both" else {},
        "process": dict(process),
        "study": _study(case, series) if study else {},
        "nomad_info": None,
    }


def _study(case: Case, series: Sequence[DicomSeries]) -> dict[str, Any]:
    return {
        "study_uid": case.study_instance_uid,
        "complete_trigger": case.options.get("study_trigger_condition"),
        "complete_required_series": case.options.get("study_trigger_series", ""),
        "creation_time": _time(case.opened_at),
        "last_receive_time": _time(case.last_received_at),
        "received_series": [row.series_description for row in series],
        "received_series_uid": [row.series_instance_uid for row in series],
        "complete_force": False,
        "complete_force_action": case.options.get("study_force_completion_action"),
    }


def _time(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")
