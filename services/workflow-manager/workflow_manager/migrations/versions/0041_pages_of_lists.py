"""Pages of a list that is asked for by state, rule or target are read along an index."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None
_MADE = {
    "ix_image_case_state_id": ("image_case", ["state", "id"]),
    "ix_image_case_rule_id": ("image_case", ["rule", "id"]),
    "ix_dispatch_status_created_at_id": ("dispatch", ["status", "created_at", "id"]),
    "ix_dispatch_target_status_created_at_id": (
        "dispatch",
        ["target", "status", "created_at", "id"],
    ),
}
_REPLACED = {
    "ix_image_case_state": ("image_case", ["state"]),
    "ix_dispatch_status": ("dispatch", ["status"]),
    "ix_dispatch_target_status": ("dispatch", ["target", "status"]),
}


_GIVEN = sa.text("under_way IS NOT NULL")


def _under_way(*columns: str) -> None:
    """Make the index of what is under way anew."""
    op.drop_index("ix_dispatch_under_way", "dispatch")
    op.create_index(
        "ix_dispatch_under_way",
        "dispatch",
        columns,
        sqlite_where=_GIVEN,
        postgresql_where=_GIVEN,
    )


def upgrade() -> None:
    _under_way("target", "under_way")
    for name, (table, columns) in _MADE.items():
        op.create_index(name, table, columns)
    for name, (table, _) in _REPLACED.items():
        op.drop_index(name, table)


def downgrade() -> None:
    _under_way("target")
    for name, (table, columns) in _REPLACED.items():
        op.create_index(name, table, columns)
    for name, (table, _) in _MADE.items():
        op.drop_index(name, table)
