"""Self-tests, and the rules that only their series meet."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True)


def _choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    op.create_table(
        "temporary_rule",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("document", _JSON, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_temporary_rule")),
    )
    op.create_table(
        "selftest",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", _choice("selftestkind", "series", "study"), nullable=False),
        sa.Column("state", _choice("selfteststate", "running", "passed", "failed"), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("steps", _JSON, nullable=False),
        sa.Column("started_by", sa.String(256), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_selftest")),
    )
    op.create_index(op.f("ix_selftest_state"), "selftest", ["state"])


def downgrade() -> None:
    op.drop_table("selftest")
    op.drop_table("temporary_rule")
