"""Routing rules with their history, and what they decided."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "routing_rule",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_routing_rule")),
    )
    op.create_table(
        "routing_rule_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "change",
            sa.Enum(
                "created",
                "updated",
                "reverted",
                "deleted",
                name="rulechange",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("document", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("author", sa.String(256), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routing_rule_version")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_routing_rule_version_name")),
    )
    op.create_table(
        "series_decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("discarded", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("selection", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("rule_versions", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("targets", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"],
            ["dicom_series.id"],
            name=op.f("fk_series_decision_series_id_dicom_series"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series_decision")),
        sa.UniqueConstraint("series_id", "number", name=op.f("uq_series_decision_series_id")),
    )


def downgrade() -> None:
    for table in ("series_decision", "routing_rule_version", "routing_rule"):
        op.drop_table(table)
