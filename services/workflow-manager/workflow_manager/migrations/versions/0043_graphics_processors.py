"""Runs of modules that need graphics processors go where there are some."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("processing_run") as table:
        table.add_column(sa.Column("gpus", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("processing_run") as table:
        table.alter_column("gpus", existing_type=sa.Integer(), server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("processing_run") as table:
        table.drop_column("gpus")
