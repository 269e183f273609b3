"""Which way a self-test takes."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    mode = sa.Enum(
        "route",
        "process",
        name="selftestmode",
        native_enum=False,
        create_constraint=True,
        length=32,
    )
    with op.batch_alter_table("selftest") as table:
        table.add_column(sa.Column("mode", mode, nullable=False, server_default="route"))
    with op.batch_alter_table("selftest") as table:
        table.alter_column("mode", existing_type=mode, server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("selftest") as table:
        table.drop_constraint(op.f("ck_selftest_selftestmode"), type_="check")
        table.drop_column("mode")
