"""When each rule last fired is asked along an index."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_image_case_rule_opened_at", "image_case", ["rule", "opened_at"])


def downgrade() -> None:
    op.drop_index("ix_image_case_rule_opened_at", "image_case")
