"""When runs are computed, what they wait for, and that they were skipped."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None
_BEFORE = ("queued", "running", "succeeded", "failed", "canceled", "timed_out")
_NOW = ("queued", "waiting", *_BEFORE[1:], "skipped")
_NAMES = ("priority", "deadline_at", "waits_for", "waits_until", "put_off")


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _states(before: tuple[str, ...], now: tuple[str, ...]) -> None:
    with op.batch_alter_table("run") as table:
        table.alter_column(
            "status",
            existing_type=_enum("runstatus", *before),
            type_=_enum("runstatus", *now),
            existing_nullable=False,
        )


def upgrade() -> None:
    _states(_BEFORE, _NOW)
    priority = _enum("priority", "urgent", "normal", "offpeak")
    with op.batch_alter_table("run") as table:
        table.add_column(sa.Column("priority", priority, nullable=False, server_default="normal"))
        table.add_column(sa.Column("deadline_at", UtcDateTime(), nullable=True))
        table.add_column(sa.Column("waits_for", sa.Text(), nullable=True))
        table.add_column(sa.Column("waits_until", UtcDateTime(), nullable=True))
        table.add_column(sa.Column("put_off", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("run") as table:
        for name in ("priority", "put_off"):
            table.alter_column(name, server_default=None)


def downgrade() -> None:
    op.execute("UPDATE run SET status = 'queued' WHERE status = 'waiting'")
    op.execute("UPDATE run SET status = 'canceled' WHERE status = 'skipped'")
    with op.batch_alter_table("run") as table:
        table.drop_constraint(op.f("ck_run_priority"), type_="check")
        for name in _NAMES:
            table.drop_column(name)
    _states(_NOW, _BEFORE)
