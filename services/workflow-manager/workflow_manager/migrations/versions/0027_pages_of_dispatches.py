"""Pages of dispatches, newest first, are read along an index."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_dispatch_created_at_id", "dispatch", ["created_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_dispatch_created_at_id", "dispatch")
