"""Journal, image index, runs, targets and dispatches."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dicom_series",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("series_instance_uid", sa.String(64), nullable=False),
        sa.Column("modality", sa.String(64), nullable=False),
        sa.Column("series_description", sa.String(1024), nullable=False),
        sa.Column("series_number", sa.BigInteger(), nullable=True),
        sa.Column("patient_id", sa.String(1024), nullable=False),
        sa.Column("patient_name", sa.String(1024), nullable=False),
        sa.Column("study_date", sa.String(64), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("exam_id", sa.Uuid(), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("complete_reason", sa.String(64), nullable=True),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("last_received_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dicom_series")),
        sa.UniqueConstraint(
            "study_instance_uid",
            "series_instance_uid",
            name=op.f("uq_dicom_series_study_instance_uid"),
        ),
    )
    op.create_index(op.f("ix_dicom_series_complete"), "dicom_series", ["complete"])
    op.create_index(
        op.f("ix_dicom_series_series_instance_uid"), "dicom_series", ["series_instance_uid"]
    )
    op.create_index(op.f("ix_dicom_series_task_id"), "dicom_series", ["task_id"])

    op.create_table(
        "journal_event",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("time", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(256), nullable=True),
        sa.Column("correlation_id", sa.String(64), nullable=True),
        sa.Column("data", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_journal_event")),
        sa.UniqueConstraint("id", name=op.f("uq_journal_event_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_journal_event_subject"), "journal_event", ["subject"])

    op.create_table(
        "journal_offset",
        sa.Column("consumer", sa.String(64), nullable=False),
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("consumer", name=op.f("pk_journal_offset")),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("exam_id", sa.Uuid(), nullable=True),
        sa.Column("workflow_id", sa.Uuid(), nullable=True),
        sa.Column("job_id", sa.String(200), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "queued",
                "running",
                "succeeded",
                "failed",
                "canceled",
                name="runstatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("result_id", sa.Uuid(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("inputs", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("requested_by", sa.String(256), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index(op.f("ix_run_exam_id"), "run", ["exam_id"])
    op.create_index(op.f("ix_run_status"), "run", ["status"])
    op.create_index(op.f("ix_run_task_id"), "run", ["task_id"])

    op.create_table(
        "target",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("target_type", sa.String(32), nullable=False),
        sa.Column("ip", sa.String(255), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("aet_target", sa.String(16), nullable=False),
        sa.Column("aet_source", sa.String(16), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_target")),
    )
    op.create_table(
        "dicom_instance",
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("sop_class_uid", sa.String(64), nullable=False),
        sa.Column("transfer_syntax_uid", sa.String(64), nullable=False),
        sa.Column("instance_number", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("duplicates", sa.Integer(), nullable=False),
        sa.Column("conflicts", sa.Integer(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"],
            ["dicom_series.id"],
            name=op.f("fk_dicom_instance_series_id_dicom_series"),
        ),
        sa.PrimaryKeyConstraint("sop_instance_uid", name=op.f("pk_dicom_instance")),
    )
    op.create_index(op.f("ix_dicom_instance_series_id"), "dicom_instance", ["series_id"])

    op.create_table(
        "dispatch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("target", sa.String(200), nullable=False),
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("series_instance_uid", sa.String(64), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("exam_id", sa.Uuid(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "queued",
                "sending",
                "waiting",
                "sent",
                "failed",
                "canceled",
                name="dispatchstatus",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("instances", sa.Integer(), nullable=False),
        sa.Column("sent", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("failures", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["series_id"], ["dicom_series.id"], name=op.f("fk_dispatch_series_id_dicom_series")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatch")),
    )
    op.create_index(op.f("ix_dispatch_exam_id"), "dispatch", ["exam_id"])
    op.create_index(op.f("ix_dispatch_series_id"), "dispatch", ["series_id"])
    op.create_index(op.f("ix_dispatch_series_instance_uid"), "dispatch", ["series_instance_uid"])
    op.create_index(op.f("ix_dispatch_status"), "dispatch", ["status"])
    op.create_index(op.f("ix_dispatch_target"), "dispatch", ["target"])


def downgrade() -> None:
    for table in (
        "dispatch",
        "dicom_instance",
        "target",
        "run",
        "journal_offset",
        "journal_event",
        "dicom_series",
    ):
        op.drop_table(table)
