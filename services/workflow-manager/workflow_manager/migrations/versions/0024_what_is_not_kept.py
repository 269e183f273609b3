"""What other nodes were told that we do not keep, instance by instance."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import JSONDocument

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("commitment_request") as table:
        table.add_column(sa.Column("failed", JSONDocument, nullable=True))
    op.execute(sa.text("UPDATE commitment_request SET failed = '{}'"))
    with op.batch_alter_table("commitment_request") as table:
        table.alter_column("failed", existing_type=JSONDocument, nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("commitment_request") as table:
        table.drop_column("failed")
