"""Reviews between the modules of a chain."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None
_KEY = "pk_processing_review"


def _key(*columns: str) -> None:
    with op.batch_alter_table("processing_review") as table:
        table.drop_constraint(_KEY, type_="primary")
        table.create_primary_key(_KEY, columns)


def upgrade() -> None:
    with op.batch_alter_table("processing_run") as table:
        table.add_column(
            sa.Column("gates_passed", sa.Integer(), nullable=False, server_default="0")
        )
    with op.batch_alter_table("processing_run") as table:
        table.alter_column("gates_passed", existing_type=sa.Integer(), server_default=None)
    with op.batch_alter_table("processing_review") as table:
        table.add_column(sa.Column("after_step", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("asked_at", UtcDateTime(), nullable=True))
    with op.batch_alter_table("processing_review") as table:
        table.alter_column("after_step", existing_type=sa.Integer(), server_default=None)
    _key("run_id", "after_step")


def downgrade() -> None:
    op.execute("DELETE FROM processing_review WHERE after_step > 0")
    _key("run_id")
    with op.batch_alter_table("processing_review") as table:
        table.drop_column("asked_at")
        table.drop_column("after_step")
    with op.batch_alter_table("processing_run") as table:
        table.drop_column("gates_passed")
