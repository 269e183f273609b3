"""Examples of triggers, events, self-tests and holds, for the OpenAPI documents."""

from typing import Any

from scanhub_libraries.openapi_examples.ids import CLAIM, EXAM, RUN, TIME

Json = dict[str, Any]

EVENT_EXAMPLES: dict[str, Json] = {
    "TriggerRequest": {
        "safety_confirmation": {
            "fingerprint": "0b" * 32,
            "reason": "Contrast needs the larger flip angle; the patient feels well",
        }
    },
    "RunTurn": {"priority": "offpeak", "deadline_at": TIME},
    "RunPriorityIn": {"priority": "urgent"},
    "SelfTestIn": {"kind": "study", "mode": "route"},
    "QueuePauseIn": {"reason": "The cluster is serviced until noon"},
    "WorkerDrainIn": {"reason": "It gets more memory at noon"},
    "HoldIn": {"reason": "The radiologist wants to show it to the surgeon on Friday"},
    "RemovalIn": {"reason": "wrong_worklist_entry", "series_instance_uids": ["1.2.840.4.1.7"]},
    "EventBatch": {
        "events": [
            {
                "id": CLAIM,
                "type": "exam.created",
                "source": "exam-manager",
                "subject": EXAM,
                "time": TIME,
                "actor": "user:ada",
                "correlation_id": RUN,
                "data": {"exam_id": EXAM},
            }
        ]
    },
}
