"""A database as the first release left it: every table filled, with what was usual then."""

import json
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

TIME = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def uid(number: int) -> UUID:
    return UUID(int=0x0192F0C4_7D52_7CC1_9A55_000000000000 + number)


PATIENT, EXAM, TEMPLATE, FLOW, FLOW_TEMPLATE = (uid(number) for number in range(1, 6))
SCAN, JOB, SCAN_TEMPLATE, LONE, RESULT, DEVICE, CLAIM = (uid(number) for number in range(6, 13))
SEQUENCE, OTHER_SEQUENCE = str(uid(20)), str(uid(21))
STORED: dict[str, Any] = {
    "creator": "ada",
    "datetime_created": TIME,
    "datetime_updated": None,
    "version": 3,
}
_TASK: dict[str, Any] = {
    **STORED,
    "description": "Erste Aufnahme, äöü",
    "destination": "",
    "status_reason": None,
    "started_at": None,
    "finished_at": None,
    "device_id": None,
    "sequence_id": None,
    "acquisition_parameter": None,
    "acquisition_limits": None,
    "calibration": [],
    "dag_type": None,
    "dag_id": None,
    "input_task_ids": [],
    "parameter": None,
    "claim_id": None,
    "claim_active": False,
    "claim_device_id": None,
    "claimed_at": None,
    "status": "NEW",
    "progress": 0,
    "position": 0,
}
_SEQUENCE: dict[str, Any] = {
    "description": "2D",
    "sequence_type": "GRE",
    "tags": ["demo"],
    "seq_file_extension": ".seq",
    "xml_file_extension": None,
    "sha256": "0" * 64,
    "size_bytes": 123,
    "facts": {
        "pulseq_version": "1.4.1",
        "duration_s": 1.5,
        "num_blocks": 640,
        "num_readouts": 128,
        "definitions": {"Name": "gre"},
    },
    "created_at": TIME,
    "updated_at": None,
}
_ACCOUNT: dict[str, Any] = {
    "first_name": "Ada",
    "last_name": "Phantom",
    "email": None,
    "password_hash": "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    "datetime_created": TIME,
    "last_login_at": TIME,
    "last_activity_at": TIME,
}
_EXAM: dict[str, Any] = {
    **STORED,
    "description": "Anatomy",
    "indication": "Headache",
    "comment": None,
    "status": "FINISHED",
}
_FLOW: dict[str, Any] = {**STORED, "description": "", "comment": None, "position": 0}
ROWS: dict[str, list[dict[str, Any]]] = {
    "account": [
        {**_ACCOUNT, "username": "ada", "role": "admin", "founder": True},
        {**_ACCOUNT, "username": "Grace", "role": "medical", "founder": None},
    ],
    "login_session": [
        {"id": uid(30), "username": "ada", "datetime_created": TIME, "expires_at": TIME}
    ],
    "revocation": [{"kind": "session", "value": str(uid(31)), "not_before": 1, "expires_at": TIME}],
    "outbox_event": [
        {
            "id": uid(32),
            "type": "exam.created",
            "source": "exam-manager",
            "subject": str(EXAM),
            "time": TIME,
            "actor": "user:ada",
            "correlation_id": None,
            "data": {"exam_id": str(EXAM)},
        }
    ],
    "patient": [
        {
            "id": PATIENT,
            "first_name": "Jürgen",
            "last_name": "Phantom",
            "search_text": "jürgen phantom",
            "birth_date": date(1985, 12, 10),
            "sex": "MALE",
            "height": 168.0,
            "weight": 62.5,
            "issuer": "clinic",
            "status": "NEW",
            "comment": None,
            "datetime_created": TIME,
            "datetime_updated": None,
        }
    ],
    "sequence": [
        {**_SEQUENCE, "id": SEQUENCE, "name": "gre"},
        {**_SEQUENCE, "id": OTHER_SEQUENCE, "name": "gre", "xml_file_extension": ".xml"},
    ],
    "exam": [
        {
            **_EXAM,
            "id": EXAM,
            "patient_id": PATIENT,
            "name": "Brain",
            "is_template": False,
            "accession_number": "A-1",
            "study_instance_uid": "2.25.1",
        },
        {
            **_EXAM,
            "id": TEMPLATE,
            "patient_id": None,
            "name": "Brain protocol",
            "status": "NEW",
            "is_template": True,
            "accession_number": None,
            "study_instance_uid": None,
        },
    ],
    "workflow": [
        {
            **_FLOW,
            "id": FLOW,
            "exam_id": EXAM,
            "name": "A",
            "status": "FINISHED",
            "is_template": False,
        },
        {
            **_FLOW,
            "id": FLOW_TEMPLATE,
            "exam_id": TEMPLATE,
            "name": "A",
            "status": "NEW",
            "is_template": True,
        },
    ],
    "task": [
        {
            **_TASK,
            "id": SCAN,
            "workflow_id": FLOW,
            "name": "GRE",
            "task_type": "ACQUISITION",
            "status": "FINISHED",
            "progress": 100,
            "is_template": False,
            "started_at": TIME,
            "finished_at": TIME,
            "device_id": DEVICE,
            "sequence_id": SEQUENCE,
            "acquisition_parameter": {
                "fov_scaling": {"x": 1.0, "y": 1.0, "z": 1.0},
                "fov_offset": {"x": 0.0, "y": 0.0, "z": 12.5},
                "fov_rotation": {"x": 0.0, "y": 0.0, "z": 0.0},
            },
            "acquisition_limits": {
                "patient_height": 168.0,
                "patient_weight": 62,
                "patient_gender": "MALE",
                "patient_age": 40,
            },
            "calibration": ["frequency"],
            "claim_id": CLAIM,
            "claim_device_id": DEVICE,
            "claimed_at": TIME,
        },
        {
            **_TASK,
            "id": JOB,
            "workflow_id": FLOW,
            "name": "Reconstruction",
            "task_type": "DAG",
            "is_template": False,
            "position": 1,
            "dag_type": "RECONSTRUCTION",
            "dag_id": "cartesian_reconstruction",
            "input_task_ids": [str(SCAN)],
            "parameter": {"filter": None},
            "status": "ERROR",
            "status_reason": "no space left",
        },
        {
            **_TASK,
            "id": SCAN_TEMPLATE,
            "workflow_id": FLOW_TEMPLATE,
            "name": "GRE",
            "task_type": "ACQUISITION",
            "is_template": True,
            "sequence_id": OTHER_SEQUENCE,
        },
        {
            **_TASK,
            "id": LONE,
            "workflow_id": None,
            "name": "Lone",
            "task_type": "ACQUISITION",
            "is_template": True,
        },
    ],
    "result": [
        {
            "id": RESULT,
            "task_id": SCAN,
            "claim_id": CLAIM,
            "type": "MRD",
            "directory": f"lake/{FLOW}/{SCAN}/{RESULT}",
            "files": ["data.mrd"],
            "meta": {"run_id": "1"},
            "datetime_created": TIME,
        }
    ],
}


def fill(connection: sa.Connection) -> None:
    """Write the rows into tables of the first revision, parents first."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    for name, rows in ROWS.items():
        table = metadata.tables[name]
        connection.execute(sa.insert(table), [typed(table, row) for row in rows])


def typed(table: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as the reflected columns take it (SQLite has no type for a UUID)."""
    return {name: _typed(table.columns[name].type, value) for name, value in row.items()}


def _typed(kind: sa.types.TypeEngine[Any], value: Any) -> Any:
    if isinstance(value, UUID) and not isinstance(kind, sa.Uuid):
        return value.hex
    if isinstance(value, dict | list) and not isinstance(kind, sa.JSON):
        return json.dumps(value)
    return value
