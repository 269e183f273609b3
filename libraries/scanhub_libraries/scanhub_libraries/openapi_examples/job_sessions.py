"""Examples of what jobs of the SDK and the platform tell one another."""

from typing import Any

_SERIES = "1.2.826.0.1.3680043.8.498.2"
_STUDY = "1.2.826.0.1.3680043.8.498.1"
_SESSION = "0199c1a0-7c11-7b6e-9e3f-3f1b7e1c2d4a"
_PATIENT = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
_SHA256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
_UPLOAD = "5f2b8c1d7e904a36b1c2d3e4f5061728"
_SUBJECT: dict[str, Any] = {
    "event": "stable-series",
    "patient": _PATIENT,
    "study_instance_uid": _STUDY,
    "series_instance_uid": _SERIES,
}
_FILE: dict[str, Any] = {
    "name": "mask.nii.gz",
    "size": 48_213,
    "sha256": _SHA256,
    "content_type": "application/gzip",
    "created_at": "2026-11-22T10:30:00Z",
    "meta": {"label": "bright"},
}
_FAILURE: dict[str, Any] = {
    "kind": "JobInputError",
    "message": "The images have no geometry.",
    "traceback": "",
    "input_at_fault": True,
}
JOB_SESSION_EXAMPLES: dict[str, dict[str, Any]] = {
    "Briefing": {
        "run": {
            "job": {
                "id": f"{_SESSION}/brightest/stable-series/{_SERIES}",
                "name": "brightest",
                "version": "1.0.0",
                "service": "my_jobs",
                "event": "stable-series",
                "attempt": 1,
                "deadline": "2026-11-22T10:40:00Z",
            },
            "session": {"id": _SESSION, "created_at": "2026-11-22T10:29:58Z"},
            "subject": _SUBJECT,
            "upstream": ["denoise"],
        },
        "entry": "my_jobs:brightest",
        "parameters": {"threshold": 0.4},
    },
    "Told": {"fraction": 0.3, "message": "looking"},
    "Stopping": {"cancelled": False},
    "Report": {
        "state": "failed",
        "reason": "",
        "failure": _FAILURE,
        "returned": None,
        "parameters": {"threshold": 0.4},
    },
    "Producer": {"job": "denoise", "subject": _SUBJECT},
    "PeerList": {"names": ["PACS"], "sender": None},
    "PeerSettings": {
        "name": "PACS",
        "host": "pacs.example.org",
        "port": 11112,
        "ae_title": "PACS",
        "calling_ae_title": "SCANHUB",
        "tls": False,
        "ca": "",
        "verify_host": True,
        "keyless": True,
    },
    "Instance": {
        "sop_instance_uid": f"{_SERIES}.1",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.4",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "series_instance_uid": _SERIES,
        "study_instance_uid": _STUDY,
        "patient": _PATIENT,
        "location": "",
    },
    "StoredBytes": {"size": 48_213, "sha256": _SHA256},
    "FileToStore": {
        "upload": _UPLOAD,
        "sha256": _SHA256,
        "content_type": "application/gzip",
        "meta": {"label": "bright"},
    },
    "FileInfo": _FILE,
    "SessionValueOut": {
        "job": "brightest",
        "event": "stable-series",
        "subject": _SERIES,
        "name": "volume_ml",
        "value": 12.5,
        "updated_at": "2026-11-22T10:30:00Z",
    },
    "SessionFileOut": {
        **_FILE,
        "key": _UPLOAD,
        "job": "brightest",
        "event": "stable-series",
        "subject": _SERIES,
    },
    "SessionHookOut": {
        "name": "alarm",
        "moment": "end",
        "done": False,
        "failure": {**_FAILURE, "kind": "ConnectionError", "message": "Nobody answers."},
        "ran_at": "2026-11-22T10:30:05Z",
    },
    "RunSessionOut": {
        "status": "failed",
        "ended_at": "2026-11-22T10:30:04Z",
        "until": "2026-12-22T10:30:04Z",
        "hold": False,
        "hold_reason": "",
        "hooks": [],
    },
    "JobCheck": {"parameters": {"sigma_mm": 1.5}, "complete": True},
    "SessionHold": {"hold": True, "reason": "The auditor asked for it."},
    "JobExecutionOut": {
        "id": "0199c1a0-8d22-7c7f-8f40-4a2c8f2d3e5b",
        "job": "brightest",
        "event": "stable-series",
        "subject": _SERIES,
        "state": "failed",
        "attempt": 1,
        "progress": 0.3,
        "message": "looking",
        "reason": "JobInputError: The images have no geometry.",
        "failure": _FAILURE,
        "returned": None,
        "started_at": "2026-11-22T10:30:00Z",
        "ended_at": "2026-11-22T10:30:04Z",
    },
}
