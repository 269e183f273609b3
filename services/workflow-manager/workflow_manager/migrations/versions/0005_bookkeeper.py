"""What mercure's programs report to the bookkeeper."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bookkeeper_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("time", UtcDateTime(), nullable=False),
        sa.Column("sender", sa.String(200), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=True),
        sa.Column("user", sa.String(200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookkeeper_event")),
    )
    op.create_index(op.f("ix_bookkeeper_event_time"), "bookkeeper_event", ["time"], unique=False)
    op.create_table(
        "bookkeeper_file",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("time", UtcDateTime(), nullable=False),
        sa.Column("filename", sa.String(1024), nullable=False),
        sa.Column("file_uid", sa.String(64), nullable=False),
        sa.Column("series_uid", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookkeeper_file")),
    )
    op.create_index(
        "ix_bookkeeper_file_series_uid_id", "bookkeeper_file", ["series_uid", "id"], unique=False
    )
    op.create_index(op.f("ix_bookkeeper_file_time"), "bookkeeper_file", ["time"], unique=False)
    op.create_table(
        "bookkeeper_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("module_name", sa.String(200), nullable=False),
        sa.Column("time", UtcDateTime(), nullable=False),
        sa.Column("logs", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookkeeper_log")),
    )
    op.create_index(
        "ix_bookkeeper_log_task_id_id", "bookkeeper_log", ["task_id", "id"], unique=False
    )
    op.create_index(op.f("ix_bookkeeper_log_time"), "bookkeeper_log", ["time"], unique=False)
    op.create_table(
        "bookkeeper_output",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("time", UtcDateTime(), nullable=False),
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("task_acc", sa.String(1024), nullable=False),
        sa.Column("task_mrn", sa.String(1024), nullable=False),
        sa.Column("module", sa.String(200), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("output", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookkeeper_output")),
    )
    op.create_index(
        "ix_bookkeeper_output_task_id_id", "bookkeeper_output", ["task_id", "id"], unique=False
    )
    op.create_index(op.f("ix_bookkeeper_output_time"), "bookkeeper_output", ["time"], unique=False)
    op.create_table(
        "bookkeeper_series",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("time", UtcDateTime(), nullable=False),
        sa.Column("series_uid", sa.String(64), nullable=False),
        sa.Column("study_uid", sa.String(64), nullable=False),
        sa.Column("patient_name", sa.String(1024), nullable=False),
        sa.Column("patient_id", sa.String(1024), nullable=False),
        sa.Column("accession_number", sa.String(1024), nullable=False),
        sa.Column("modality", sa.String(64), nullable=False),
        sa.Column("series_description", sa.String(1024), nullable=False),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookkeeper_series")),
        sa.UniqueConstraint("series_uid", name=op.f("uq_bookkeeper_series_series_uid")),
    )
    op.create_index(
        op.f("ix_bookkeeper_series_study_uid"), "bookkeeper_series", ["study_uid"], unique=False
    )
    op.create_index(op.f("ix_bookkeeper_series_time"), "bookkeeper_series", ["time"], unique=False)
    op.create_table(
        "bookkeeper_task",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("parent_id", sa.String(64), nullable=True),
        sa.Column("time", UtcDateTime(), nullable=False),
        sa.Column("series_uid", sa.String(64), nullable=False),
        sa.Column("study_uid", sa.String(64), nullable=False),
        sa.Column("uid_type", sa.String(16), nullable=False),
        sa.Column("patient_name", sa.String(1024), nullable=False),
        sa.Column("patient_id", sa.String(1024), nullable=False),
        sa.Column("accession_number", sa.String(1024), nullable=False),
        sa.Column("rule", sa.String(1024), nullable=False),
        sa.Column("data", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookkeeper_task")),
    )
    op.create_index(
        op.f("ix_bookkeeper_task_parent_id"), "bookkeeper_task", ["parent_id"], unique=False
    )
    op.create_index(
        op.f("ix_bookkeeper_task_series_uid"), "bookkeeper_task", ["series_uid"], unique=False
    )
    op.create_index(
        op.f("ix_bookkeeper_task_study_uid"), "bookkeeper_task", ["study_uid"], unique=False
    )
    op.create_index("ix_bookkeeper_task_time_id", "bookkeeper_task", ["time", "id"], unique=False)
    op.create_table(
        "bookkeeper_task_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("time", UtcDateTime(), nullable=False),
        sa.Column("sender", sa.String(200), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("file_count", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.String(1024), nullable=False),
        sa.Column("info", sa.Text(), nullable=False),
        sa.Column("client_timestamp", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookkeeper_task_event")),
    )
    op.create_index(
        "ix_bookkeeper_task_event_task_id_id",
        "bookkeeper_task_event",
        ["task_id", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_bookkeeper_task_event_time"), "bookkeeper_task_event", ["time"], unique=False
    )
    op.create_table(
        "bookkeeper_test",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("rule_type", sa.String(64), nullable=False),
        sa.Column("time_begin", UtcDateTime(), nullable=False),
        sa.Column("time_end", UtcDateTime(), nullable=True),
        sa.Column("status", sa.String(64), nullable=False),
        sa.Column("task_id", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookkeeper_test")),
    )
    op.create_index(
        op.f("ix_bookkeeper_test_task_id"), "bookkeeper_test", ["task_id"], unique=False
    )
    op.create_index(
        op.f("ix_bookkeeper_test_time_begin"), "bookkeeper_test", ["time_begin"], unique=False
    )


def downgrade() -> None:
    for table in (
        "bookkeeper_test",
        "bookkeeper_task_event",
        "bookkeeper_task",
        "bookkeeper_series",
        "bookkeeper_output",
        "bookkeeper_log",
        "bookkeeper_file",
        "bookkeeper_event",
    ):
        op.drop_table(table)
