"""Words and examples of the OpenAPI documents: what a name means is the same in every service."""

from typing import Any

from scanhub_libraries.openapi_report_examples import REPORT_EXAMPLES
from scanhub_libraries.openapi_rule_examples import RULE_EXAMPLES
from scanhub_libraries.openapi_target_examples import TARGET_EXAMPLES

Json = dict[str, Any]

CONTACT = {"name": "The maintainers of the MRI control plane"}
LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
TAGS = {
    "users": "Users, logins, sessions, and who is revoked.",
    "sessions": "Logins that are open, to look at and to end.",
    "patients": "Patients: who is examined.",
    "exams": "Exams and exam templates: the root of the tree.",
    "protocols": "The library of exam templates: versions, release, import and export.",
    "workflows": "Workflows: tasks of an exam that belong together.",
    "tasks": "Tasks: planning, ordering, and the claim of whoever does them.",
    "results": "Results of tasks: files in the data lake, as they are and as images.",
    "raw data": "Raw data (ISMRMRD): readouts, k-space, download.",
    "lake": "The files of the platform, and what nothing refers to any more.",
    "sequences": "MRI sequences (Pulseq): files, facts, plots, versions.",
    "audit": "Who changed what, and when.",
    "devices": "The registry of scanners: who may connect.",
    "acquisitions": "Scans: start, stop, and what became of them.",
    "safety": "The safety gate: what speaks for and against a scan, before it is started.",
    "links": "The websocket of a scanner.",
    "parameters": "Parameters of the scanners, with versions, and the schemas that they follow.",
    "calibrations": "Calibrations of the scanners, and what came of them.",
    "uploads": "Files of scans over HTTP, in pieces that can be resumed (tus 1.0).",
    "streams": "Readouts that come while they are acquired, for previews.",
    "triggers": "The start and stop buttons of tasks, and the jobs that a task can name.",
    "runs": "Runs of jobs.",
    "previews": "Images of a scan that still runs; not for diagnosis.",
    "images": "The DICOM index: series and images.",
    "dicomweb": "DICOMweb (PS3.18): search, retrieve and store images.",
    "rules": "Routing rules: what becomes of a series, and why.",
    "cases": "What follows for a series or a study by one rule, from the first image to the end.",
    "targets": "Where images are sent to: DICOM nodes, servers, folders.",
    "dispatch": "What is sent to targets, when, and what came of it.",
    "journal": "Every event in order, to read and to follow.",
    "notifications": "What rules tell people and programs, and whether it arrived.",
    "bookkeeper": "mercure's bookkeeper: what its modules and tools report and ask.",
    "health": "Whether the service works.",
}
SUCCESS = {200: "Done.", 201: "Created.", 202: "Accepted.", 204: "Done; there is no body."}
PARAMETERS = {
    "exam_id": "Id of the exam",
    "workflow_id": "Id of the workflow",
    "task_id": "Id of the task",
    "result_id": "Id of the result",
    "patient_id": "Id of the patient's record",
    "sequence_id": "Id of the sequence",
    "device_id": "Id of the device",
    "acquisition_id": "Id of the acquisition: one run of a task on a device",
    "template_id": "Id of the template that is copied",
    "calibration_id": "Id of the calibration",
    "upload_id": "Id of the upload: the last part of `Location`",
    "run_id": "Id of the run",
    "number": "Number of the preview, from 1 in the order in which they were made",
    "session_id": "Id of the login",
    "dispatch_id": "Id of the dispatch",
    "notification_id": "Id of the notification",
    "case_id": "Id of the case",
    "username": "Name of the user",
    "username_to_delete": "Name of the user to delete",
    "filename": "Name of the file, as the result lists it",
    "new_workflow_is_template": "Whether the copy is a template again",
    "new_task_is_template": "Whether the copy is a template again",
    "limit": "At most so many",
    "after": "Go on after this one, the last of the page before",
    "status": "Only those in this state",
    "series_instance_uid": "Series Instance UID (0020,000E)",
    "study_instance_uid": "Study Instance UID (0020,000D)",
    "sop_instance_uid": "SOP Instance UID (0008,0018)",
    "series": "Series Instance UID (0020,000E)",
    "name": "Name of the target",
    "rule_name": "Name of the rule",
    "actor": "Who did it: `user:ada`, `device:<id>`, `service:<name>`",
    "action": "What was done",
    "left": "The template that is compared: what was before",
    "right": "The template it is compared with: what came after",
    "format": "In which form the answer comes",
    "encoding": "Number of the encoding space in the header, from 0",
    "slice": "Number of the slice, from 0",
    "contrast": "Number of the contrast (echo), from 0",
    "phase": "Number of the cardiac or respiratory phase, from 0",
    "repetition": "Number of the repetition, from 0",
    "set": "Number of the set, from 0",
    "average": "Number of the average, from 0",
    "subject": "Id of what the events are about",
    "newest": "Return the last ones instead of the first",
    "last-event-id": "Number of the last event that was seen; the browser sends it by itself",
}

_EXAM = "0192f0c4-7d52-7cc1-9a55-0d1b5f0f2a10"
_WORKFLOW = "0192f0c4-7d52-7cc1-9a55-0d1b5f0f2a20"
_SCAN = "0192f0c4-7d52-7cc1-9a55-0d1b5f0f2a30"
_JOB = "0192f0c4-7d52-7cc1-9a55-0d1b5f0f2a31"
_RESULT = "0192f0c4-7d52-7cc1-9a55-0d1b5f0f2a40"
_PATIENT = "0192f0c4-7d52-7cc1-9a55-0d1b5f0f2a50"
_DEVICE = "0192f0c4-7d52-7cc1-9a55-0d1b5f0f2a60"
_SEQUENCE = "0192f0c4-7d52-7cc1-9a55-0d1b5f0f2a70"
_CLAIM = "0192f0c4-7d52-7cc1-9a55-0d1b5f0f2a80"
_REPORTED = "0197c1f0-1111-7000-8000-000000000001"
_RUN = "0192f0c4-7d52-7cc1-9a55-0d1b5f0f2a90"
_TIME = "2026-03-02T09:30:00Z"
_STORED: Json = {
    "creator": "ada",
    "datetime_created": _TIME,
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
}
_EXAM_IN: Json = {
    "patient_id": _PATIENT,
    "name": "Brain",
    "description": "Anatomy at low field",
    "indication": "Headache",
    "comment": None,
    "status": "NEW",
    "is_template": False,
    "accession_number": "A-2026-0042",
}
_WORKFLOW_IN: Json = {
    "exam_id": _EXAM,
    "name": "Axial",
    "description": "One scan and its reconstruction",
    "status": "NEW",
    "is_template": False,
}
_SCAN_IN: Json = {
    "task_type": "ACQUISITION",
    "workflow_id": _WORKFLOW,
    "name": "GRE axial",
    "description": "Spoiled gradient echo",
    "destination": "",
    "status": "NEW",
    "progress": 0,
    "is_template": False,
    "device_id": _DEVICE,
    "sequence_id": _SEQUENCE,
    "acquisition_parameter": {
        "fov_scaling": {"x": 1.0, "y": 1.0, "z": 1.0},
        "fov_offset": {"x": 0.0, "y": 0.0, "z": 12.5},
        "fov_rotation": {"x": 0.0, "y": 0.0, "z": 0.0},
    },
    "calibration": ["frequency"],
}
_JOB_IN: Json = {
    "task_type": "DAG",
    "workflow_id": _WORKFLOW,
    "name": "Reconstruction",
    "description": "Fourier transform, root sum of squares",
    "status": "NEW",
    "is_template": False,
    "dag_type": "RECONSTRUCTION",
    "dag_id": "cartesian_reconstruction",
    "input_task_ids": [_SCAN],
    "parameter": None,
}
_SET_RESULT: Json = {
    "type": "MRD",
    "directory": f"lake/{_WORKFLOW}/{_SCAN}/{_RESULT}",
    "files": ["data.mrd"],
    "meta": None,
}
_RESULT_OUT: Json = {
    **_SET_RESULT,
    "id": _RESULT,
    "task_id": _SCAN,
    "datetime_created": _TIME,
}
_SCAN_OUT: Json = {
    **_SCAN_IN,
    **_STORED,
    "id": _SCAN,
    "position": 0,
    "results": [_RESULT_OUT],
    "status": "FINISHED",
    "progress": 100,
    "acquisition_limits": {
        "patient_height": 168.0,
        "patient_weight": 62,
        "patient_gender": "FEMALE",
        "patient_age": 40,
    },
}
_JOB_OUT: Json = {**_JOB_IN, **_STORED, "id": _JOB, "position": 1, "results": []}
_WORKFLOW_OUT: Json = {**_WORKFLOW_IN, **_STORED, "id": _WORKFLOW, "tasks": [_SCAN_OUT, _JOB_OUT]}
_PATIENT_OUT: Json = {**_PATIENT_IN, "status": "NEW", "id": _PATIENT, "datetime_created": _TIME}
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
_DEVICE_NAMING: Json = {"name": "Low field scanner", "description": "Room 1.04"}
EXAMPLES: dict[str, Json] = {
    "BasePatient": _PATIENT_IN,
    "PatientOut": _PATIENT_OUT,
    "BaseExam": _EXAM_IN,
    "ExamOut": {
        **_EXAM_IN,
        **_STORED,
        "id": _EXAM,
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
    "DeviceCertificateIn": {"sha256": "A1:B2:" + ":".join(["0F"] * 30)},
    "ClaimTask": {"claim_id": _CLAIM, "device_id": _DEVICE},
    "TaskReport": {"claim_id": _CLAIM, "status": "INPROGRESS", "progress": 42},
    "TaskReports": {"reports": [{"task_id": _REPORTED, "claim_id": _CLAIM, "progress": 42}]},
    "ReleaseTask": {"claim_id": _CLAIM, "status": "ERROR", "reason": "The magnet is off."},
    "FinishTask": {"claim_id": _CLAIM, "result_id": _RESULT, "result": _SET_RESULT},
    "SetResult": _SET_RESULT,
    "ResultOut": _RESULT_OUT,
    "XnatUpload": {
        "files": ["1.dcm", "2.dcm"],
        "project": "HEADS",
        "location": "/data/prearchive/projects/HEADS/20260302_093000123/S1",
    },
    "MRDMetaResponse": {
        "workflow_id": _WORKFLOW,
        "task_id": _SCAN,
        "result_id": _RESULT,
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
                "exam_id": _EXAM,
                "protocol_id": _EXAM,
                "protocol_version": 1,
                "notes": ["Version 3 was released where it comes from; here it is a draft."],
            }
        ],
        "sequences": [
            {
                "ref": "s1",
                "sequence_id": _SEQUENCE,
                "created": False,
                "notes": ["The same Pulseq file is here already as 'gre_128', and is used."],
            }
        ],
    },
    "BaseMRISequence": _SEQUENCE_IN,
    "Body_create_sequence": {**_SEQUENCE_IN, "seq_file": "gre_128.seq"},
    "Body_login": {"username": "ada", "password": "correct horse battery"},
    "Body_reorder_tasks": {"task_ids": [_JOB, _SCAN]},
    "User": {**_USER, "access_token": "correct horse battery", "token_type": "password"},
    "PasswordUpdateRequest": {
        "password_of_requester": "correct horse battery",
        "username_to_change_password_for": "ada",
        "newpassword": "a longer staple",
    },
    "ServiceCredentials": {"service": "device-manager", "secret": "the secret of the service"},
    "ReleaseProtocol": {"comment": "Echo time checked on the phantom"},
    "ProtocolsFile": {
        "format": "scanhub-protocols",
        "format_version": 1,
        "exported_at": _TIME,
        "exported_by": "ada",
        "protocols": [
            {
                "protocol_id": _EXAM,
                "version": 1,
                "name": "Brain",
                "description": "Anatomy at low field",
                "workflows": [],
            }
        ],
        "sequences": [],
    },
    "DeviceNaming": _DEVICE_NAMING,
    "DeviceCreationRequest": _DEVICE_NAMING,
    "StopRequest": {"task_id": _SCAN},
    "SetDeviceParameter": {
        "parameter": {"larmor_frequency": 2_000_143.0, "shims": [0.0, 0.0, 0.0]},
        "comment": "After the magnet has warmed up",
    },
    "RestoreParameter": {"comment": "The calibration was made with the wrong phantom"},
    "ParameterSchemaIn": {
        "document": {
            "type": "object",
            "required": ["larmor_frequency"],
            "properties": {
                "larmor_frequency": {
                    "type": "number",
                    "title": "Larmor frequency",
                    "unit": "Hz",
                    "minimum": 1_900_000,
                    "maximum": 2_100_000,
                }
            },
        }
    },
    "CalibrateRequest": {"kinds": ["frequency", "flip-angle"]},
    "AbandonRequest": {"reason": "I looked: the scanner is at rest, its computer is off."},
    "SafetyRequest": {"task_id": _SCAN, "acquisition_parameter": None},
    "TriggerRequest": {
        "safety_confirmation": {
            "fingerprint": "0b" * 32,
            "reason": "Contrast needs the larger flip angle; the patient feels well",
        }
    },
    **TARGET_EXAMPLES,
    **RULE_EXAMPLES,
    **REPORT_EXAMPLES,
    "EventBatch": {
        "events": [
            {
                "id": _CLAIM,
                "type": "exam.created",
                "source": "exam-manager",
                "subject": _EXAM,
                "time": _TIME,
                "actor": "user:ada",
                "correlation_id": _RUN,
                "data": {"exam_id": _EXAM},
            }
        ]
    },
}
"""An example of every body, and of the records that come back, by the name of its schema."""
