"""The attempt of a dispatch that has not ended, so that two processes never send it at once."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("dispatch") as table:
        table.add_column(sa.Column("under_way", sa.Integer(), nullable=True))
    op.execute("UPDATE dispatch SET under_way = attempt WHERE status = 'sending'")


def downgrade() -> None:
    with op.batch_alter_table("dispatch") as table:
        table.drop_column("under_way")
