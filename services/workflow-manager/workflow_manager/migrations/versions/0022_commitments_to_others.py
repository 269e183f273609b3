"""Requests of other nodes for storage commitment."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_STATE = sa.Enum(
    "waiting",
    "reported",
    "failed",
    name="commitmentstate",
    native_enum=False,
    create_constraint=True,
    length=32,
)


def upgrade() -> None:
    op.create_table(
        "commitment_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("peer_aet", sa.String(16), nullable=False),
        sa.Column("own_aet", sa.String(16), nullable=False),
        sa.Column("address", sa.String(255), nullable=False),
        sa.Column("transaction_uid", sa.String(64), nullable=False),
        sa.Column("instances", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=True),
        sa.Column("state", _STATE, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commitment_request")),
        sa.UniqueConstraint(
            "peer_aet", "transaction_uid", name=op.f("uq_commitment_request_peer_aet")
        ),
    )
    op.create_index(op.f("ix_commitment_request_state"), "commitment_request", ["state"])


def downgrade() -> None:
    op.drop_table("commitment_request")
