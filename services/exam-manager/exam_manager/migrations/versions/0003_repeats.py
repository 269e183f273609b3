"""Repeats: a task says which one it does over again, and why.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("task", sa.Column("repeat_of", sa.Uuid(), nullable=True))
    op.add_column("task", sa.Column("repeat_reason", sa.String(length=200), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
