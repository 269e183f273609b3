"""Examples of what mercure's programs report, in the OpenAPI documents."""

from typing import Any

_TASK = "f1a2c3d4-9e00-11ef-8000-0242ac110002"
_SERIES = "1.2.826.0.1.3680043.8.498.1"
REPORT_EXAMPLES: dict[str, dict[str, Any]] = {
    "NotificationTestIn": {"rule": "head-t2", "event": "COMPLETED"},
    "NotificationPreviewIn": {
        "rule": {"name": "head-t2", "notification_email": "study@example.org"},
        "event": "COMPLETED",
    },
    "MercureEventIn": {"sender": "router.main", "event": "BOOT", "severity": 0},
    "WebguiEventIn": {"sender": "webgui", "event": "RULE_EDIT", "user": "ada"},
    "RegisterDicomIn": {"filename": "a#b.dcm", "file_uid": "1.2.3", "series_uid": _SERIES},
    "RegisterSeriesIn": {
        "SeriesInstanceUID": _SERIES,
        "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.2",
        "Modality": "MR",
        "SeriesDescription": "T2 TSE",
    },
    "RegisterTaskIn": {"id": _TASK, "series_uid": _SERIES},
    "UpdateTaskIn": {"id": _TASK, "info": {"uid_type": "series", "uid": _SERIES}},
    "TaskEventIn": {
        "sender": "dispatcher.main",
        "event": "DISPATCH_COMPLETE",
        "task_id": _TASK,
        "file_count": 24,
        "target": "archive",
    },
    "ProcessorLogsIn": {"task_id": _TASK, "module_name": "denoise", "logs": "24 images read"},
    "ProcessorOutputIn": {"task_id": _TASK, "module": "denoise", "index": 0, "output": {"snr": 12}},
    "TestBeginIn": {"id": "t1", "type": "route", "rule_type": "series"},
    "TestEndIn": {"id": "t1", "status": "success"},
}
