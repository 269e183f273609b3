"""Events: what happened, in the past tense, for the journal and whoever follows it."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.ids import new_id


class EventType(StrEnum):
    """Every type of event that the platform writes."""

    EXAM_CREATED = "exam.created"
    EXAM_UPDATED = "exam.updated"
    EXAM_DELETED = "exam.deleted"
    PROTOCOL_RELEASED = "protocol.released"
    PROTOCOL_REVISED = "protocol.revised"
    PROTOCOL_RETIRED = "protocol.retired"
    PROTOCOL_IMPORTED = "protocol.imported"
    PROTOCOL_EXPORTED = "protocol.exported"
    WORKFLOW_CREATED = "workflow.created"
    WORKFLOW_UPDATED = "workflow.updated"
    WORKFLOW_DELETED = "workflow.deleted"
    TASK_CREATED = "task.created"
    TASK_UPDATED = "task.updated"
    TASK_DELETED = "task.deleted"
    TASK_STARTED = "exam.task.started"
    TASK_PROGRESS = "exam.task.progress"
    TASK_FINISHED = "exam.task.finished"
    TASK_FAILED = "exam.task.failed"
    TASK_CANCELED = "exam.task.canceled"
    TASK_RELEASED = "exam.task.released"
    RESULT_STORED = "result.stored"
    RESULT_DELETED = "result.deleted"
    RESULT_DOWNLOADED = "result.downloaded"
    RESULT_SENDING = "result.sending"
    RESULT_SENT = "result.sent"
    RESULT_SEND_FAILED = "result.send_failed"
    AUDIT_EXPORTED = "audit.exported"
    PATIENT_CREATED = "patient.created"
    PATIENT_UPDATED = "patient.updated"
    PATIENT_DELETED = "patient.deleted"
    SEQUENCE_CREATED = "sequence.created"
    SEQUENCE_UPDATED = "sequence.updated"
    SEQUENCE_DELETED = "sequence.deleted"
    LAKE_ORPHAN_FOUND = "lake.orphan_found"
    USER_CREATED = "user.created"
    USER_UPDATED = "user.updated"
    USER_DELETED = "user.deleted"
    USER_LOGGED_IN = "user.logged_in"
    USER_LOGGED_OUT = "user.logged_out"
    USER_LOGIN_REFUSED = "user.login_refused"
    USER_LOCKED = "user.locked"
    USER_UNLOCKED = "user.unlocked"
    USER_SESSION_ENDED = "user.session_ended"
    USER_PASSWORD_CHANGED = "user.password_changed"  # noqa: S105 - an event, not a password
    DEVICE_CREATED = "device.created"
    DEVICE_UPDATED = "device.updated"
    DEVICE_DELETED = "device.deleted"
    DEVICE_CONNECTED = "device.connected"
    DEVICE_DISCONNECTED = "device.disconnected"
    DEVICE_STATUS = "device.status"
    DEVICE_PARAMETER_CHANGED = "device.parameter_changed"
    DEVICE_SCHEMA_CHANGED = "device.schema_changed"
    DEVICE_CALIBRATED = "device.calibrated"
    ACQUISITION_REQUESTED = "acquisition.requested"
    ACQUISITION_ACCEPTED = "acquisition.accepted"
    ACQUISITION_RUNNING = "acquisition.running"
    ACQUISITION_PAUSED = "acquisition.paused"
    ACQUISITION_LOST = "acquisition.lost"
    ACQUISITION_STOPPING = "acquisition.stopping"
    ACQUISITION_STOPPED = "acquisition.stopped"
    ACQUISITION_FINISHED = "acquisition.finished"
    ACQUISITION_FAILED = "acquisition.failed"
    STREAM_STARTED = "stream.started"
    STREAM_ENDED = "stream.ended"
    UPLOAD_EXPIRED = "upload.expired"
    RUN_QUEUED = "run.queued"
    RUN_STARTED = "run.started"
    RUN_PROGRESS = "run.progress"
    RUN_SUCCEEDED = "run.succeeded"
    RUN_FAILED = "run.failed"
    RUN_CANCELED = "run.canceled"
    PREVIEW_READY = "preview.ready"
    PREVIEW_FAILED = "preview.failed"
    SERIES_RECEIVED = "dicom.series.received"
    SERIES_COMPLETE = "dicom.series.complete"
    INSTANCE_CONFLICT = "dicom.instance.conflict"
    INSTANCE_QUARANTINED = "dicom.instance.quarantined"
    INSTANCE_RECOVERED = "dicom.instance.recovered"
    DICOM_LISTENER_RESTARTED = "dicom.listener.restarted"
    SELFTEST_PROGRESS = "selftest.progress"
    SELFTEST_PASSED = "selftest.passed"
    SELFTEST_FAILED = "selftest.failed"
    CLEANER_REMOVED = "cleaner.removed"
    STUDY_HELD = "dicom.study.held"
    STUDY_HOLD_LIFTED = "dicom.study.hold_lifted"
    STUDY_OTHER_PATIENT = "dicom.study.other_patient"
    SERIES_DECIDED = "dicom.series.decided"
    CASE_OPENED = "case.opened"
    CASE_WAITING = "case.waiting"
    CASE_COMPLETE = "case.complete"
    CASE_DONE = "case.done"
    CASE_FAILED = "case.failed"
    CASE_DISCARDED = "case.discarded"
    RULE_CREATED = "rule.created"
    RULE_UPDATED = "rule.updated"
    RULE_DELETED = "rule.deleted"
    RULE_REORDERED = "rule.reordered"
    TARGET_CREATED = "target.created"
    TARGET_UPDATED = "target.updated"
    TARGET_DELETED = "target.deleted"
    MODULE_CREATED = "module.created"
    MODULE_UPDATED = "module.updated"
    MODULE_DELETED = "module.deleted"
    DISPATCH_QUEUED = "dispatch.queued"
    DISPATCH_SENT = "dispatch.sent"
    DISPATCH_RETRY = "dispatch.retry"
    DISPATCH_FAILED = "dispatch.failed"
    RETRIEVAL_STARTED = "retrieval.started"
    RETRIEVAL_PROGRESS = "retrieval.progress"
    RETRIEVAL_PAUSED = "retrieval.paused"
    RETRIEVAL_RESUMED = "retrieval.resumed"
    RETRIEVAL_FINISHED = "retrieval.finished"
    RETRIEVAL_FAILED = "retrieval.failed"
    RETRIEVAL_CANCELED = "retrieval.canceled"
    IMPORT_STARTED = "import.started"
    IMPORT_FINISHED = "import.finished"
    IMPORT_FAILED = "import.failed"
    IMPORT_CANCELED = "import.canceled"
    COMMITMENT_REQUESTED = "commitment.requested"
    COMMITMENT_REPORTED = "commitment.reported"
    COMMITMENT_FAILED = "commitment.failed"
    NOTIFICATION_QUEUED = "notification.queued"
    NOTIFICATION_SENT = "notification.sent"
    NOTIFICATION_RETRY = "notification.retry"
    NOTIFICATION_FAILED = "notification.failed"
    JOURNAL_PRUNED = "journal.pruned"
    MERCURE_REPORTED = "mercure.reported"
    DISPATCH_PAUSED = "dispatch.paused"
    DISPATCH_RESUMED = "dispatch.resumed"


class Event(BaseModel):
    """The envelope, after CloudEvents 1.0 (id, type, source, subject, time, data)."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(default_factory=new_id)
    type: EventType
    source: str
    subject: str
    time: AwareDatetime = Field(default_factory=utc_now)
    actor: str | None = None
    correlation_id: str | None = None
    data: dict[str, Any] = {}


class EventBatch(BaseModel):
    """Events on their way to the journal."""

    events: list[Event] = Field(max_length=1000)
