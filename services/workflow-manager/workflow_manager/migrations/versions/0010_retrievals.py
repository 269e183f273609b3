"""Retrievals: lists of accession numbers that are fetched from other systems."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, native_enum=False, create_constraint=True, length=32, name=name)


def upgrade() -> None:
    states = ("running", "paused", "done", "failed", "canceled")
    op.create_table(
        "retrieval",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("method", sa.String(32), nullable=False),
        sa.Column("destination", sa.String(200), nullable=False),
        sa.Column("filter", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("forced_rule", sa.String(200), nullable=False),
        sa.Column("offpeak", sa.Boolean(), nullable=False),
        sa.Column("state", _enum("retrievalstate", *states), nullable=False),
        sa.Column("requested_by", sa.String(256), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retrieval")),
    )
    for column in ("state", "created_at"):
        op.create_index(op.f(f"ix_retrieval_{column}"), "retrieval", [column])
    states = ("queued", "running", "done", "failed", "canceled")
    op.create_table(
        "retrieval_accession",
        sa.Column("retrieval_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("accession_number", sa.String(64), nullable=False),
        sa.Column("state", _enum("accessionstate", *states), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("series", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("retrieved", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["retrieval_id"],
            ["retrieval.id"],
            name=op.f("fk_retrieval_accession_retrieval_id_retrieval"),
        ),
        sa.PrimaryKeyConstraint("retrieval_id", "number", name=op.f("pk_retrieval_accession")),
    )
    op.create_index(
        op.f("ix_retrieval_accession_state"),
        "retrieval_accession",
        ["state", "retrieval_id", "number"],
    )


def downgrade() -> None:
    op.drop_table("retrieval_accession")
    op.drop_table("retrieval")
