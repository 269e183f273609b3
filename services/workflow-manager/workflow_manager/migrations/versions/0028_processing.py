"""Runs of modules for cases, and what cases know of them."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import JSONDocument, UtcDateTime

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None
_BEFORE = ("receiving", "waiting", "complete", "dispatching", "done", "failed", "discarded")
_NOW = (*_BEFORE[:3], "processing", *_BEFORE[3:])


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, UtcDateTime(), nullable=True)


def _states(before: tuple[str, ...], now: tuple[str, ...]) -> None:
    with op.batch_alter_table("image_case") as table:
        table.alter_column(
            "state",
            existing_type=_enum("casestate", *before),
            type_=_enum("casestate", *now),
            existing_nullable=False,
        )


def upgrade() -> None:
    _states(_BEFORE, _NOW)
    text = sa.Column("notification_details", sa.Text(), nullable=False, server_default="")
    flag = sa.Column(
        "notification_requested", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    with op.batch_alter_table("image_case") as table:
        table.add_column(text)
        table.add_column(flag)
    with op.batch_alter_table("image_case") as table:
        table.alter_column("notification_details", server_default=None)
        table.alter_column("notification_requested", server_default=None)
    op.add_column("image_case_series", sa.Column("derived_by", sa.Uuid(), nullable=True))
    _create_runs()
    _create_steps()


def _create_runs() -> None:
    states = ("queued", "running", "succeeded", "failed", "canceled")
    op.create_table(
        "processing_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", _enum("runstate", *states), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("priority", _enum("priority", "urgent", "normal", "offpeak"), nullable=False),
        sa.Column("first_step", sa.Integer(), nullable=False),
        sa.Column("continues", sa.Uuid(), nullable=True),
        sa.Column("requested_by", sa.String(256), nullable=False),
        sa.Column("cancel_requested_by", sa.String(256), nullable=True),
        sa.Column("images", sa.Integer(), nullable=True),
        sa.Column("other_files", JSONDocument, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        *(_time(name) for name in ("started_at", "ended_at", "removed_at")),
        sa.ForeignKeyConstraint(
            ["case_id"], ["image_case.id"], name=op.f("fk_processing_run_case_id_image_case")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_processing_run")),
        sa.UniqueConstraint("case_id", "number", name=op.f("uq_processing_run_case_id")),
    )
    op.create_index(op.f("ix_processing_run_state"), "processing_run", ["state"])


def _create_steps() -> None:
    states = ("waiting", "running", "succeeded", "failed", "canceled", "reused")
    op.create_table(
        "processing_step",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("module", sa.String(100), nullable=False),
        sa.Column("module_version", sa.Integer(), nullable=True),
        sa.Column("state", _enum("stepstate", *states), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("settings", JSONDocument, nullable=False),
        sa.Column("output", JSONDocument, nullable=False),
        sa.Column("log_tail", sa.Text(), nullable=False),
        *(_time(name) for name in ("started_at", "ended_at")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["processing_run.id"], name=op.f("fk_processing_step_run_id_processing_run")
        ),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("pk_processing_step")),
    )


def downgrade() -> None:
    op.drop_table("processing_step")
    op.drop_table("processing_run")
    op.drop_column("image_case_series", "derived_by")
    with op.batch_alter_table("image_case") as table:
        table.drop_column("notification_requested")
        table.drop_column("notification_details")
    op.execute("UPDATE image_case SET state = 'failed' WHERE state = 'processing'")
    _states(_NOW, _BEFORE)
