"""Reviews of what modules made."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import JSONDocument, UtcDateTime

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None
_BEFORE = ("queued", "running", "succeeded", "failed", "canceled")
_NOW = (*_BEFORE[:2], "review", *_BEFORE[2:], "rejected")


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _states(before: tuple[str, ...], now: tuple[str, ...]) -> None:
    with op.batch_alter_table("processing_run") as table:
        table.alter_column(
            "state",
            existing_type=_enum("runstate", *before),
            type_=_enum("runstate", *now),
            existing_nullable=False,
        )


def upgrade() -> None:
    _states(_BEFORE, _NOW)
    states = ("waiting", "approved", "rejected", "canceled")
    op.create_table(
        "processing_review",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("state", _enum("reviewstate", *states), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("at_deadline", sa.String(16), nullable=False),
        sa.Column("overdue", sa.Boolean(), nullable=False),
        sa.Column("indexed", JSONDocument, nullable=False),
        sa.Column("decided_by", sa.String(256), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["processing_run.id"],
            name=op.f("fk_processing_review_run_id_processing_run"),
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_processing_review")),
    )
    op.create_index(op.f("ix_processing_review_state"), "processing_review", ["state"])


def downgrade() -> None:
    op.drop_table("processing_review")
    op.execute("UPDATE processing_run SET state = 'failed' WHERE state IN ('review', 'rejected')")
    _states(_NOW, _BEFORE)
