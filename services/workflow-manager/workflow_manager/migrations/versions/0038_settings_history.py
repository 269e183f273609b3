"""What programs were set to when they were started."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import JSONDocument, UtcDateTime

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "settings_version",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", JSONDocument, nullable=False),
        sa.Column("release", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_settings_version")),
    )


def downgrade() -> None:
    op.drop_table("settings_version")
