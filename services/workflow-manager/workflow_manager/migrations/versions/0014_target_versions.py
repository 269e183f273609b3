"""The history of targets; what is configured already is its first version."""

from datetime import UTC, datetime
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import JSONDocument, UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None
_CHANGES = ("created", "updated", "reverted", "deleted")


def upgrade() -> None:
    change = sa.Enum(
        *_CHANGES, name="targetchange", native_enum=False, create_constraint=True, length=32
    )
    versions = op.create_table(
        "target_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("change", change, nullable=False),
        sa.Column("document", JSONDocument, nullable=False),
        sa.Column("author", sa.String(length=256), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", "version"),
    )
    targets = sa.table(
        "target",
        sa.column("name", sa.String()),
        sa.column("target_type", sa.String()),
        sa.column("enabled", sa.Boolean()),
        sa.column("document", JSONDocument),
        sa.column("sealed", JSONDocument),
        sa.column("version", sa.Integer()),
    )
    rows = op.get_bind().execute(sa.select(targets)).all()
    if rows:
        op.bulk_insert(versions, [_version(row) for row in rows])


def _version(row: sa.Row[tuple[object, ...]]) -> dict[str, object]:
    settings = {"name": row.name, "target_type": row.target_type, "enabled": row.enabled}
    return {
        "id": uuid4(),
        "name": row.name,
        "version": row.version,
        "change": "created" if row.version == 1 else "updated",
        "document": {**row.document, **settings, "secrets": sorted(row.sealed)},
        "author": "",
        "comment": "As it was when the history began.",
        "created_at": datetime.now(UTC),
    }


def downgrade() -> None:
    op.drop_table("target_version")
