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
    "ModuleIn": {
        "name": "segmentation",
        "docker_tag": "registry.example.org/segmentation:2.1",
        "docker_arguments": {"mem_limit": "8g"},
        "settings": {"threshold": 3},
        "environment": {"LICENCE": "a-licence"},
    },
    "ModulePersistenceIn": {"document": {"next_number": 42}},
    "ModuleTest": {
        "ok": False,
        "runtime": "podman",
        "problems": ["The image denoise:1 is not here: podman pull denoise:1."],
        "notes": [],
    },
    "ProcessingRetry": {"start": "failed"},
    "RunReviewIn": {"decision": "approve", "comment": "The prescan is sharp."},
    "ProcessingReviewIn": {"decision": "approve", "comment": "The outline follows the lesion."},
    "PauseIn": {"reason": "The archive is serviced until noon."},
    "RedirectIn": {"target": "archive"},
    "SendIn": {
        "study_instance_uid": "2.25.329800735698586629295641978511506172918",
        "target": "archive",
    },
    "TargetRevert": {"comment": "The new address was that of the test archive"},
}
