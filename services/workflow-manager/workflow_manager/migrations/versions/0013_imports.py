"""Imports of files, what became of each, and data sets that are kept."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None
_COUNTS = ("files", "stored", "duplicates", "conflicts", "refused")


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, native_enum=False, create_constraint=True, length=32, name=name)


def upgrade() -> None:
    kinds = ("upload", "folder", "dataset")
    states = ("receiving", "running", "done", "failed", "canceled")
    op.create_table(
        "image_import",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", _enum("importkind", *kinds), nullable=False),
        sa.Column("state", _enum("importstate", *states), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("forced_rule", sa.String(200), nullable=False),
        sa.Column("folder", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("uploaded", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in _COUNTS),
        sa.Column("requested_by", sa.String(256), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image_import")),
    )
    op.create_index(op.f("ix_image_import_state"), "image_import", ["state"])
    _create_files()
    op.create_table(
        "dataset",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(256), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset")),
        sa.UniqueConstraint("name", name=op.f("uq_dataset_name")),
    )


def _create_files() -> None:
    outcomes = ("stored", "duplicate", "conflict", "quarantined", "refused")
    op.create_table(
        "image_import_file",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(1000), nullable=False),
        sa.Column("outcome", _enum("fileoutcome", *outcomes), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("series_instance_uid", sa.String(64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["image_import.id"],
            name=op.f("fk_image_import_file_import_id_image_import"),
        ),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_image_import_file")),
    )


def downgrade() -> None:
    for table in ("dataset", "image_import_file", "image_import"):
        op.drop_table(table)
