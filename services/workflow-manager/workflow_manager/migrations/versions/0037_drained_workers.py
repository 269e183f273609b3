"""Processes that somebody drains; runs of modules in the order in which they were asked for."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "worker_drain",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("drained_by", sa.String(length=256), nullable=False),
        sa.Column("drained_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker_drain")),
    )
    op.create_index("ix_processing_run_created_at", "processing_run", ["created_at"])


def downgrade() -> None:
    op.drop_index("ix_processing_run_created_at", "processing_run")
    op.drop_table("worker_drain")
