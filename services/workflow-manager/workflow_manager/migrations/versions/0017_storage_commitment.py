"""Instances that a node took and has not confirmed to keep, and the requests to confirm it."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True)


def upgrade() -> None:
    with op.batch_alter_table("dispatch") as table:
        table.add_column(sa.Column("stored", _JSON, nullable=True))
    op.execute("UPDATE dispatch SET stored = '{}'")
    with op.batch_alter_table("dispatch") as table:
        table.alter_column("stored", existing_type=_JSON, nullable=False)
    op.create_table(
        "storage_commitment",
        sa.Column("transaction_uid", sa.String(64), nullable=False),
        sa.Column("dispatch_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("instances", _JSON, nullable=False),
        sa.Column("failed", _JSON, nullable=False),
        sa.Column("requested_at", UtcDateTime(), nullable=False),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("transaction_uid", name=op.f("pk_storage_commitment")),
    )
    op.create_index(
        op.f("ix_storage_commitment_dispatch_id"), "storage_commitment", ["dispatch_id"]
    )


def downgrade() -> None:
    op.drop_table("storage_commitment")
    with op.batch_alter_table("dispatch") as table:
        table.drop_column("stored")
