"""Processes that share the work, and queues that are paused."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import JSONDocument, UtcDateTime

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "worker",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("host", sa.String(length=256), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("queues", JSONDocument, nullable=False),
        sa.Column("paused", JSONDocument, nullable=False),
        sa.Column("drains", sa.Boolean(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker")),
    )
    op.create_table(
        "queue_pause",
        sa.Column("queue", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("paused_by", sa.String(length=256), nullable=False),
        sa.Column("paused_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("queue", name=op.f("pk_queue_pause")),
    )


def downgrade() -> None:
    op.drop_table("queue_pause")
    op.drop_table("worker")
