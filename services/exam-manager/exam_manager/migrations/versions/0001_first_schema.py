"""First schema.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
USERROLE = ("admin", "medical", "scientist", "engineer")
GENDER = ("MALE", "FEMALE", "OTHER", "NOT_GIVEN")
ITEMSTATUS = ("NEW", "UPDATED", "STARTED", "INPROGRESS", "PAUSED", "FINISHED", "ERROR", "CANCELED")
TASKTYPE = ("ACQUISITION", "DAG", "RECONSTRUCTION", "PROCESSING")
DAGTYPE = ("RECONSTRUCTION", "PROCESSING")
RESULTTYPE = ("DICOM", "MRD", "NUMPY", "CALIBRATION", "NOT_SET")


def text_enum(values: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("username", sa.String(length=200), nullable=False),
        sa.Column("first_name", sa.String(length=200), nullable=False),
        sa.Column("last_name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=200), nullable=True),
        sa.Column("role", text_enum(USERROLE, "userrole"), nullable=False),
        sa.Column("password_hash", sa.String(length=500), nullable=False),
        sa.Column("founder", sa.Boolean(), nullable=True),
        sa.Column("datetime_created", TIME, nullable=False),
        sa.Column("last_login_at", TIME, nullable=True),
        sa.Column("last_activity_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("username", name=op.f("pk_account")),
        sa.UniqueConstraint("founder", name=op.f("uq_account_founder")),
    )
    op.create_table(
        "outbox_event",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("actor", sa.String(length=256), nullable=True),
        sa.Column("correlation_id", sa.String(length=64), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_outbox_event")),
        sa.UniqueConstraint("id", name=op.f("uq_outbox_event_id")),
    )
    op.create_table(
        "patient",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("first_name", sa.String(length=200), nullable=False),
        sa.Column("last_name", sa.String(length=200), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("sex", text_enum(GENDER, "gender"), nullable=False),
        sa.Column("height", sa.Float(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("issuer", sa.String(length=200), nullable=False),
        sa.Column("status", text_enum(ITEMSTATUS, "itemstatus"), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("datetime_created", TIME, nullable=False),
        sa.Column("datetime_updated", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
    )
    op.create_table(
        "revocation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revocation")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_revocation_expires_at"), "revocation", ["expires_at"], unique=False)
    op.create_table(
        "sequence",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("sequence_type", sa.String(length=200), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("seq_file_extension", sa.String(length=16), nullable=False),
        sa.Column("xml_file_extension", sa.String(length=16), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sequence")),
    )
    op.create_table(
        "exam",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("indication", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("status", text_enum(ITEMSTATUS, "itemstatus"), nullable=False),
        sa.Column("is_template", sa.Boolean(), nullable=False),
        sa.Column("accession_number", sa.String(length=200), nullable=True),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=True),
        sa.Column("creator", sa.String(length=200), nullable=False),
        sa.Column("datetime_created", TIME, nullable=False),
        sa.Column("datetime_updated", TIME, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name=op.f("fk_exam_patient_id_patient")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exam")),
        sa.UniqueConstraint("study_instance_uid", name=op.f("uq_exam_study_instance_uid")),
    )
    op.create_index(
        "ix_exam_is_template_datetime_created",
        "exam",
        ["is_template", "datetime_created"],
        unique=False,
    )
    op.create_index(op.f("ix_exam_patient_id"), "exam", ["patient_id"], unique=False)
    op.create_table(
        "login_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.String(length=200), nullable=False),
        sa.Column("datetime_created", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["username"],
            ["account.username"],
            name=op.f("fk_login_session_username_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
    )
    op.create_index(
        op.f("ix_login_session_expires_at"), "login_session", ["expires_at"], unique=False
    )
    op.create_index(op.f("ix_login_session_username"), "login_session", ["username"], unique=False)
    op.create_table(
        "workflow",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("exam_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("status", text_enum(ITEMSTATUS, "itemstatus"), nullable=False),
        sa.Column("is_template", sa.Boolean(), nullable=False),
        sa.Column("creator", sa.String(length=200), nullable=False),
        sa.Column("datetime_created", TIME, nullable=False),
        sa.Column("datetime_updated", TIME, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["exam_id"], ["exam.id"], name=op.f("fk_workflow_exam_id_exam"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflow")),
    )
    op.create_index(op.f("ix_workflow_exam_id"), "workflow", ["exam_id"], unique=False)
    op.create_table(
        "task",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("task_type", text_enum(TASKTYPE, "tasktype"), nullable=False),
        sa.Column("destination", sa.String(length=200), nullable=False),
        sa.Column("status", text_enum(ITEMSTATUS, "itemstatus"), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("is_template", sa.Boolean(), nullable=False),
        sa.Column("creator", sa.String(length=200), nullable=False),
        sa.Column("datetime_created", TIME, nullable=False),
        sa.Column("datetime_updated", TIME, nullable=True),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("sequence_id", sa.String(length=36), nullable=True),
        sa.Column("acquisition_parameter", sa.JSON(), nullable=True),
        sa.Column("acquisition_limits", sa.JSON(), nullable=True),
        sa.Column("calibration", sa.JSON(), nullable=False),
        sa.Column("dag_type", text_enum(DAGTYPE, "dagtype"), nullable=True),
        sa.Column("dag_id", sa.String(length=200), nullable=True),
        sa.Column("input_task_ids", sa.JSON(), nullable=False),
        sa.Column("parameter", sa.JSON(), nullable=True),
        sa.Column("claim_id", sa.Uuid(), nullable=True),
        sa.Column("claim_active", sa.Boolean(), nullable=False),
        sa.Column("claim_device_id", sa.Uuid(), nullable=True),
        sa.Column("claimed_at", TIME, nullable=True),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name=op.f("ck_task_progress")),
        sa.ForeignKeyConstraint(
            ["sequence_id"], ["sequence.id"], name=op.f("fk_task_sequence_id_sequence")
        ),
        sa.ForeignKeyConstraint(
            ["workflow_id"],
            ["workflow.id"],
            name=op.f("fk_task_workflow_id_workflow"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
    )
    op.create_index(op.f("ix_task_sequence_id"), "task", ["sequence_id"], unique=False)
    op.create_index(op.f("ix_task_workflow_id"), "task", ["workflow_id"], unique=False)
    op.create_table(
        "result",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("claim_id", sa.Uuid(), nullable=True),
        sa.Column("type", text_enum(RESULTTYPE, "resulttype"), nullable=False),
        sa.Column("directory", sa.String(length=200), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("meta", sa.JSON(), nullable=True),
        sa.Column("datetime_created", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"], ["task.id"], name=op.f("fk_result_task_id_task"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_result")),
    )
    op.create_index(op.f("ix_result_task_id"), "result", ["task_id"], unique=False)


def downgrade() -> None:
    op.drop_table("result")
    op.drop_table("task")
    op.drop_table("workflow")
    op.drop_table("login_session")
    op.drop_table("exam")
    op.drop_table("sequence")
    op.drop_table("revocation")
    op.drop_table("patient")
    op.drop_table("outbox_event")
    op.drop_table("account")
