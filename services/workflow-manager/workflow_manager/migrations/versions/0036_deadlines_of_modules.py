"""Deadlines of runs of modules."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None
_BEFORE = ("queued", "running", "review", "succeeded", "failed", "canceled", "rejected")
_NOW = (*_BEFORE, "timed_out")


def _enum(*values: str) -> sa.Enum:
    return sa.Enum(*values, name="runstate", native_enum=False, create_constraint=True, length=32)


def _states(before: tuple[str, ...], now: tuple[str, ...]) -> None:
    with op.batch_alter_table("processing_run") as table:
        table.alter_column(
            "state", existing_type=_enum(*before), type_=_enum(*now), existing_nullable=False
        )


def upgrade() -> None:
    _states(_BEFORE, _NOW)
    with op.batch_alter_table("processing_run") as table:
        table.add_column(sa.Column("deadline_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    op.execute("UPDATE processing_run SET state = 'failed' WHERE state = 'timed_out'")
    with op.batch_alter_table("processing_run") as table:
        table.drop_column("deadline_at")
    _states(_NOW, _BEFORE)
