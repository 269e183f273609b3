"""Every table of exam-manager, imported, so that its metadata is complete."""

from exam_manager.audit.models import AuditEntry
from exam_manager.database import OutboxEvent, Table
from exam_manager.exams.models import Exam
from exam_manager.patients.models import Patient
from exam_manager.results.models import Result
from exam_manager.sequences.models import Sequence
from exam_manager.tasks.models import Task
from exam_manager.users.models import Account, KnownAddress, LoginSession, RevokedAccess
from exam_manager.workflows.models import Workflow

METADATA = Table.metadata
TABLES = (
    Account,
    AuditEntry,
    Exam,
    KnownAddress,
    LoginSession,
    OutboxEvent,
    Patient,
    Result,
    RevokedAccess,
    Sequence,
    Task,
    Workflow,
)
