"""Dispatches tell how many images their target had before others came late."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("dispatch") as table:
        table.add_column(sa.Column("sent_before", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("dispatch") as table:
        table.alter_column("sent_before", existing_type=sa.Integer(), server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("dispatch") as table:
        table.drop_column("sent_before")
