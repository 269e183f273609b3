"""Cases, and what rules ask of a series beside its tags."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    for name, length in (("receiver_aet", 64), ("sender_address", 255), ("forced_rule", 200)):
        column = sa.Column(name, sa.String(length), nullable=False, server_default="")
        op.add_column("dicom_series", column)
    op.add_column("dicom_series", sa.Column("closed_at", UtcDateTime(), nullable=True))
    _create_cases()
    op.create_table(
        "image_case_series",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("series_instance_uid", sa.String(64), nullable=False),
        sa.Column("instances", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["case_id"], ["image_case.id"], name=op.f("fk_image_case_series_case_id_image_case")
        ),
        sa.ForeignKeyConstraint(
            ["series_id"],
            ["dicom_series.id"],
            name=op.f("fk_image_case_series_series_id_dicom_series"),
        ),
        sa.PrimaryKeyConstraint("case_id", "series_id", name=op.f("pk_image_case_series")),
    )
    for column in ("series_id", "series_instance_uid"):
        op.create_index(op.f(f"ix_image_case_series_{column}"), "image_case_series", [column])
    op.create_table(
        "image_case_dispatch",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("dispatch_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["image_case.id"], name=op.f("fk_image_case_dispatch_case_id_image_case")
        ),
        sa.PrimaryKeyConstraint("case_id", "dispatch_id", name=op.f("pk_image_case_dispatch")),
    )
    op.create_index(
        op.f("ix_image_case_dispatch_dispatch_id"), "image_case_dispatch", ["dispatch_id"]
    )


def _create_cases() -> None:
    states = ("receiving", "waiting", "complete", "dispatching", "done", "failed", "discarded")
    op.create_table(
        "image_case",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", _enum("casekind", "series", "study"), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("rule", sa.String(200), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=True),
        sa.Column("options", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("targets", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("priority", sa.String(32), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("exam_id", sa.Uuid(), nullable=True),
        sa.Column("state", _enum("casestate", *states), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("waits_until", UtcDateTime(), nullable=True),
        sa.Column("wish", _enum("casewish", "complete", "discard"), nullable=True),
        sa.Column("wished_by", sa.String(256), nullable=True),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("last_received_at", UtcDateTime(), nullable=False),
        sa.Column("complete_at", UtcDateTime(), nullable=True),
        sa.Column("complete_reason", sa.Text(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("files_kept_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image_case")),
        sa.UniqueConstraint("kind", "subject", "rule", "number", name=op.f("uq_image_case_kind")),
    )
    for column in ("study_instance_uid", "exam_id", "state"):
        op.create_index(op.f(f"ix_image_case_{column}"), "image_case", [column])


def downgrade() -> None:
    for table in ("image_case_dispatch", "image_case_series", "image_case"):
        op.drop_table(table)
    for name in ("receiver_aet", "sender_address", "forced_rule", "closed_at"):
        op.drop_column("dicom_series", name)
