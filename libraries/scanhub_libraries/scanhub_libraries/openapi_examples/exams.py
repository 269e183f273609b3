"""Examples of the clinical record, of users and of sequences, for the OpenAPI documents."""

from typing import Any

from scanhub_libraries.openapi_examples.ids import (
    CLAIM,
    DEVICE,
    EXAM,
    JOB,
    PATIENT,
    REPORTED,
    RESULT,
    SCAN,
    SEQUENCE,
    TIME,
    WORKFLOW,
)

Json = dict[str, Any]

_STORED: Json = {
    "creator": "ada",
    "datetime_created": TIME,
    "datetime_updated": None,
    "version": 1,
}
_PATIENT_IN: Json = {
    "first_name": "Ada",
    "last_name": "Phantom",
    "birth_date": "1985-12-10",
    "sex": "FEMALE",
    "height": 168.0,
    "weight": 62.0,
    "issuer": "clinic",
    "comment": "Prefers feet first",
    "implants": ["Hip left, titanium, MR conditional to 3 T"],
    "allergies": ["Gadobutrol"],
    "medical_alerts": ["MRSA"],
    "pregnancy_status": "NOT_PREGNANT",
}
_EXAM_IN: Json = {
    "patient_id": PATIENT,
    "name": "Brain",
    "description": "Anatomy at low field",
    "indication": "Headache",
    "comment": None,
    "status": "NEW",
    "is_template": False,
    "accession_number": "A-2026-0042",
    "patient_position": "HFS",
}
_WORKFLOW_IN: Json = {
    "exam_id": EXAM,
    "name": "Axial",
    "description": "One scan and its reconstruction",
    "status": "NEW",
    "is_template": False,
}
_SCAN_IN: Json = {
    "task_type": "ACQUISITION",
    "workflow_id": WORKFLOW,
    "name": "GRE axial",
    "description": "Spoiled gradient echo",
    "destination": "",
    "status": "NEW",
    "progress": 0,
    "is_template": False,
    "device_id": DEVICE,
    "sequence_id": SEQUENCE,
    "acquisition_parameter": {
        "fov_scaling": {"x": 1.0, "y": 1.0, "z": 1.0},
        "fov_offset": {"x": 0.0, "y": 0.0, "z": 12.5},
        "fov_rotation": {"x": 0.0, "y": 0.0, "z": 0.0},
    },
    "calibration": ["frequency"],
}
_JOB_IN: Json = {
    "task_type": "DAG",
    "workflow_id": WORKFLOW,
    "name": "Reconstruction",
    "description": "Fourier transform, root sum of squares",
    "status": "NEW",
    "is_template": False,
    "dag_type": "RECONSTRUCTION",
    "dag_id": "cartesian_reconstruction",
    "input_task_ids": [SCAN],
    "parameter": None,
}
_SET_RESULT: Json = {
    "type": "MRD",
    "directory": f"lake/{WORKFLOW}/{SCAN}/{RESULT}",
    "files": ["data.mrd"],
    "meta": None,
}
_RESULT_OUT: Json = {
    **_SET_RESULT,
    "id": RESULT,
    "task_id": SCAN,
    "datetime_created": TIME,
}
_SCAN_OUT: Json = {
    **_SCAN_IN,
    **_STORED,
    "id": SCAN,
    "position": 0,
    "results": [_RESULT_OUT],
    "status": "FINISHED",
    "progress": 100,
    "acquisition_limits": {
        "patient_height": 168.0,
        "patient_weight": 62,
        "patient_gender": "FEMALE",
        "patient_age": 40,
        "patient_position": "HFS",
        "pregnancy_status": "NOT_PREGNANT",
        "has_implant": True,
    },
}
_JOB_OUT: Json = {**_JOB_IN, **_STORED, "id": JOB, "position": 1, "results": []}
_WORKFLOW_OUT: Json = {**_WORKFLOW_IN, **_STORED, "id": WORKFLOW, "tasks": [_SCAN_OUT, _JOB_OUT]}
_PATIENT_OUT: Json = {**_PATIENT_IN, "status": "NEW", "id": PATIENT, "datetime_created": TIME}
_SEQUENCE_IN: Json = {
    "name": "gre_128",
    "description": "2D spoiled gradient echo, axial",
    "sequence_type": "GRE",
    "tags": ["demo"],
}
_USER: Json = {
    "username": "ada",
    "first_name": "Ada",
    "last_name": "Phantom",
    "email": "ada@example.org",
    "role": "medical",
}
EXAM_EXAMPLES: dict[str, Json] = {
    "BasePatient": _PATIENT_IN,
    "PatientOut": _PATIENT_OUT,
    "BaseExam": _EXAM_IN,
    "ExamOut": {
        **_EXAM_IN,
        **_STORED,
        "id": EXAM,
        "study_instance_uid": "2.25.2116131223316543716421343210987654321",
        "workflows": [_WORKFLOW_OUT],
    },
    "BaseWorkflow": _WORKFLOW_IN,
    "WorkflowOut": _WORKFLOW_OUT,
    "BaseAcquisitionTask": _SCAN_IN,
    "BaseDAGTask": _JOB_IN,
    "AcquisitionTaskOut": _SCAN_OUT,
    "StartTask": _SCAN_OUT,
    "DAGTaskOut": _JOB_OUT,
    "DuplicateTask": {"reason": "The patient moved", "with_jobs": True, "workflow_id": None},
    "ClaimTask": {"claim_id": CLAIM, "device_id": DEVICE},
    "TaskReport": {"claim_id": CLAIM, "status": "INPROGRESS", "progress": 42},
    "TaskReports": {"reports": [{"task_id": REPORTED, "claim_id": CLAIM, "progress": 42}]},
    "ReleaseTask": {"claim_id": CLAIM, "status": "ERROR", "reason": "The magnet is off."},
    "FinishTask": {"claim_id": CLAIM, "result_id": RESULT, "result": _SET_RESULT},
    "SetResult": _SET_RESULT,
    "ResultOut": _RESULT_OUT,
    "XnatUpload": {
        "files": ["1.dcm", "2.dcm"],
        "project": "HEADS",
        "location": "/data/prearchive/projects/HEADS/20260302_093000123/S1",
    },
    "MRDMetaResponse": {
        "workflow_id": WORKFLOW,
        "task_id": SCAN,
        "result_id": RESULT,
        "dtype": "fc32",
        "filename": "data.mrd",
        "files": ["data.mrd"],
        "total": 256,
        "acquisitions": [
            {
                "acquisition_id": 0,
                "num_samples": 256,
                "num_coils": 1,
                "dwell_time": 1e-05,
                "flags": 64,
                "center_sample": 128,
                "encoding_space_ref": 0,
                "idx": {
                    **dict.fromkeys(("kspace_encode_step_2", "average", "slice", "contrast"), 0),
                    **dict.fromkeys(("phase", "repetition", "set", "segment"), 0),
                    "kspace_encode_step_1": 127,
                },
            }
        ],
    },
    "ImportedProtocols": {
        "protocols": [
            {
                "name": "Brain",
                "exam_id": EXAM,
                "protocol_id": EXAM,
                "protocol_version": 1,
                "notes": ["Version 3 was released where it comes from; here it is a draft."],
            }
        ],
        "sequences": [
            {
                "ref": "s1",
                "sequence_id": SEQUENCE,
                "created": False,
                "notes": ["The same Pulseq file is here already as 'gre_128', and is used."],
            }
        ],
    },
    "BaseMRISequence": _SEQUENCE_IN,
    "Body_create_sequence": {**_SEQUENCE_IN, "seq_file": "gre_128.seq"},
    "Body_login": {"username": "ada", "password": "correct horse battery"},
    "Body_reorder_tasks": {"task_ids": [JOB, SCAN]},
    "User": {**_USER, "access_token": "correct horse battery", "token_type": "password"},
    "PasswordUpdateRequest": {
        "password_of_requester": "correct horse battery",
        "username_to_change_password_for": "ada",
        "newpassword": "a longer staple",
    },
    "ServiceCredentials": {"service": "device-manager", "secret": "the secret of the service"},
    "TakeExample": {"device_id": None},
    "ExampleProtocol": {
        "key": "quick-look",
        "name": "Quick look",
        "description": "One gradient echo, about a minute",
        "tasks": ["GRE axial", "GRE reconstruction"],
        "exam_id": None,
    },
    "ReleaseProtocol": {"comment": "Echo time checked on the phantom"},
    "ProtocolsFile": {
        "format": "scanhub-protocols",
        "format_version": 1,
        "exported_at": TIME,
        "exported_by": "ada",
        "protocols": [
            {
                "protocol_id": EXAM,
                "version": 1,
                "name": "Brain",
                "description": "Anatomy at low field",
                "workflows": [],
            }
        ],
        "sequences": [],
    },
}
