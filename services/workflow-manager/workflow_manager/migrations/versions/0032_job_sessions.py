"""Jobs of the SDK as steps of runs: what they are told, how they end, what they leave."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import JSONDocument, UtcDateTime

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None
_BEFORE = ("waiting", "running", "succeeded", "failed", "canceled", "reused")
_NOW = (*_BEFORE, "skipped", "timed_out", "blocked")
_JOBS = (
    "waiting",
    "running",
    "succeeded",
    "failed",
    "skipped",
    "cancelled",
    "timed_out",
    "blocked",
)


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _states(before: tuple[str, ...], now: tuple[str, ...]) -> None:
    with op.batch_alter_table("processing_step") as table:
        table.alter_column(
            "state",
            existing_type=_enum("stepstate", *before),
            type_=_enum("stepstate", *now),
            existing_nullable=False,
        )


def upgrade() -> None:
    _states(_BEFORE, _NOW)
    with op.batch_alter_table("processing_step") as table:
        table.add_column(sa.Column("job", sa.String(100), nullable=False, server_default=""))
    with op.batch_alter_table("processing_step") as table:
        table.alter_column("job", server_default=None)
    op.add_column("processing_run", sa.Column("session_id", sa.Uuid(), nullable=True))
    _create_executions()
    _create_data()


def _create_executions() -> None:
    op.create_table(
        "job_execution",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(100), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("state", _enum("jobstate", *_JOBS), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("document", JSONDocument, nullable=False),
        sa.Column("peers", JSONDocument, nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("stop", sa.Boolean(), nullable=False),
        sa.Column("token_sha256", sa.String(64), nullable=True),
        sa.Column("report", JSONDocument, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("failure", JSONDocument, nullable=False),
        sa.Column("returned", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["processing_run.id"], name=op.f("fk_job_execution_run_id_processing_run")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_execution")),
        sa.UniqueConstraint(
            "run_id", "position", "event", "subject", name=op.f("uq_job_execution_run_id")
        ),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_job_execution_token_sha256")),
    )
    op.create_index(op.f("ix_job_execution_session_id"), "job_execution", ["session_id", "job"])


def _whose() -> list[sa.Column[object]]:
    return [
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("job", sa.String(100), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
    ]


def _create_data() -> None:
    keys = ("session_id", "job", "event", "subject", "name")
    op.create_table(
        "session_value",
        *_whose(),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint(*keys, name=op.f("pk_session_value")),
    )
    op.create_table(
        "session_file",
        *_whose(),
        sa.Column("name", sa.String(150), nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content_type", sa.String(200), nullable=False),
        sa.Column("meta", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint(*keys, name=op.f("pk_session_file")),
    )


def downgrade() -> None:
    for table in ("session_file", "session_value", "job_execution"):
        op.drop_table(table)
    op.drop_column("processing_run", "session_id")
    op.drop_column("processing_step", "job")
    op.execute("UPDATE processing_step SET state = 'failed' WHERE state IN ('timed_out')")
    op.execute("UPDATE processing_step SET state = 'waiting' WHERE state IN ('blocked')")
    op.execute("UPDATE processing_step SET state = 'succeeded' WHERE state IN ('skipped')")
    _states(_NOW, _BEFORE)
