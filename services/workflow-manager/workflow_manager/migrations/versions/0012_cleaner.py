"""Studies that are held, and files that are on their way out."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "study_hold",
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("held_by", sa.String(256), nullable=False),
        sa.Column("held_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"],
            ["dicom_study.study_instance_uid"],
            name=op.f("fk_study_hold_study_instance_uid_dicom_study"),
        ),
        sa.PrimaryKeyConstraint("study_instance_uid", name=op.f("pk_study_hold")),
    )
    op.create_table(
        "removed_file",
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series_id"], ["dicom_series.id"], name=op.f("fk_removed_file_series_id_dicom_series")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_removed_file")),
    )
    op.create_index(op.f("ix_removed_file_series_id"), "removed_file", ["series_id"])


def downgrade() -> None:
    op.drop_table("removed_file")
    op.drop_table("study_hold")
