"""Processing modules as they are configured, with their history."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import JSONDocument, UtcDateTime

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None
_CHANGES = ("created", "updated", "reverted", "deleted")


def upgrade() -> None:
    change = sa.Enum(
        *_CHANGES, name="modulechange", native_enum=False, create_constraint=True, length=32
    )
    op.create_table(
        "module",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("document", JSONDocument, nullable=False),
        sa.Column("sealed", JSONDocument, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "module_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("change", change, nullable=False),
        sa.Column("document", JSONDocument, nullable=False),
        sa.Column("author", sa.String(length=256), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", "version"),
    )


def downgrade() -> None:
    op.drop_table("module_version")
    op.drop_table("module")
