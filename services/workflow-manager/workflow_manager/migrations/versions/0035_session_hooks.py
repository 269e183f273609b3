"""Hooks of sessions, how long is kept what jobs left, and whose data a run worked on."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import JSONDocument, UtcDateTime

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "session_hook",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("name", sa.String(150), nullable=False),
        sa.Column("moment", sa.String(16), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("failure", JSONDocument, nullable=False),
        sa.Column("ran_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "key", name=op.f("pk_session_hook")),
    )
    op.create_table(
        "session_end",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("hold", sa.Boolean(), nullable=False),
        sa.Column("hold_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_session_end")),
    )
    op.create_index(op.f("ix_session_end_until"), "session_end", ["until"])
    with op.batch_alter_table("run") as table:
        table.add_column(
            sa.Column("secret_parameters", JSONDocument, nullable=False, server_default="[]")
        )
        table.add_column(sa.Column("device_id", sa.Uuid(), nullable=True))
    with op.batch_alter_table("run") as table:
        table.alter_column("secret_parameters", server_default=None)
    op.create_index(op.f("ix_run_device_id"), "run", ["device_id"])
    op.create_index(op.f("ix_run_created_at"), "run", ["created_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_run_created_at"), "run")
    op.drop_index(op.f("ix_run_device_id"), "run")
    with op.batch_alter_table("run") as table:
        table.drop_column("device_id")
        table.drop_column("secret_parameters")
    op.drop_table("session_end")
    op.drop_table("session_hook")
