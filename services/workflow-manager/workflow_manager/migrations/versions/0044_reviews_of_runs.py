"""Runs of jobs that begin only when a person has looked at their data."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import JSONDocument

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("run") as table:
        table.add_column(sa.Column("review", JSONDocument, nullable=False, server_default="{}"))
    with op.batch_alter_table("run") as table:
        table.alter_column("review", existing_type=JSONDocument, server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("run") as table:
        table.drop_column("review")
