"""Whose turn it is to be sent is asked along an index, however much was sent before."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None
_UNDER_WAY = sa.text("under_way IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_dispatch_target_status", "dispatch", ["target", "status"])
    op.drop_index("ix_dispatch_target", "dispatch")
    op.create_index(
        "ix_dispatch_under_way",
        "dispatch",
        ["target"],
        sqlite_where=_UNDER_WAY,
        postgresql_where=_UNDER_WAY,
    )


def downgrade() -> None:
    op.drop_index("ix_dispatch_under_way", "dispatch")
    op.create_index("ix_dispatch_target", "dispatch", ["target"])
    op.drop_index("ix_dispatch_target_status", "dispatch")
