"""Examples of targets and of what is sent there, for the OpenAPI documents."""

from typing import Any

_TARGET: dict[str, Any] = {
    "name": "archive",
    "target_type": "dicom",
    "ip": "10.0.0.20",
    "port": 11112,
    "aet_target": "ARCHIVE",
    "aet_source": "SCANHUB",
    "enabled": True,
}
TARGET_EXAMPLES: dict[str, dict[str, Any]] = {
    "TargetIn": _TARGET,
    "TargetOut": {
        **_TARGET,
        "comment": "",
        "direction": "push",
        "contact": "",
        "at_once": 1,
        "max_bytes_per_s": None,
        "pass_sender_aet": False,
        "pass_receiver_aet": False,
        "secrets": [],
        "version": 1,
        "created_at": "2026-03-02T09:30:00Z",
        "updated_at": None,
        "paused": None,
    },
    "PauseIn": {"reason": "The archive is serviced until noon."},
    "RedirectIn": {"target": "archive"},
}
