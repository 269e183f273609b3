"""What came of the last test of a target."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("target") as table:
        table.add_column(sa.Column("tested_at", UtcDateTime(), nullable=True))
        table.add_column(sa.Column("test_problem", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("target") as table:
        table.alter_column("test_problem", existing_type=sa.Text(), server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("target") as table:
        table.drop_column("test_problem")
        table.drop_column("tested_at")
