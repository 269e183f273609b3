"""What a run was told, what it worked on, and what it has to say."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import JSONDocument

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None
_BEFORE = ("queued", "running", "succeeded", "failed", "canceled")
_NOW = (*_BEFORE, "timed_out")
_NAMES = (
    "job_version",
    "parameters",
    "provenance",
    "report",
    "warnings",
    "exit_code",
    "input_at_fault",
    "timed_out",
    "log_tail",
    "retry_of",
)


def _status(*states: str) -> sa.Enum:
    return sa.Enum(*states, name="runstatus", native_enum=False, create_constraint=True, length=32)


def _states(before: tuple[str, ...], now: tuple[str, ...]) -> None:
    with op.batch_alter_table("run") as table:
        table.alter_column(
            "status", existing_type=_status(*before), type_=_status(*now), existing_nullable=False
        )


def upgrade() -> None:
    _states(_BEFORE, _NOW)
    with op.batch_alter_table("run") as table:
        table.add_column(
            sa.Column("job_version", sa.String(100), nullable=False, server_default="")
        )
        for name in ("parameters", "provenance", "report"):
            table.add_column(sa.Column(name, JSONDocument, nullable=False, server_default="{}"))
        table.add_column(sa.Column("warnings", JSONDocument, nullable=False, server_default="[]"))
        table.add_column(sa.Column("exit_code", sa.Integer(), nullable=True))
        for name in ("input_at_fault", "timed_out"):
            table.add_column(
                sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
            )
        table.add_column(sa.Column("log_tail", sa.Text(), nullable=False, server_default=""))
        table.add_column(sa.Column("retry_of", sa.Uuid(), nullable=True))
    with op.batch_alter_table("run") as table:
        for name in _NAMES[:-1]:
            table.alter_column(name, server_default=None)


def downgrade() -> None:
    op.execute("UPDATE run SET status = 'failed' WHERE status = 'timed_out'")
    _states(_NOW, _BEFORE)
    with op.batch_alter_table("run") as table:
        for name in _NAMES:
            table.drop_column(name)
