"""Targets of every type, their secrets, priorities, and sending that is paused."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True)
_MOVED = ("ip", "port", "aet_target", "aet_source", "comment")
_ADDED = {
    "direction": "push",
    "contact": "",
    "at_once": 1,
    "max_bytes_per_s": None,
    "pass_sender_aet": False,
    "pass_receiver_aet": False,
}


def upgrade() -> None:
    with op.batch_alter_table("target") as table:
        table.add_column(sa.Column("document", _JSON, nullable=True))
        table.add_column(sa.Column("sealed", _JSON, nullable=True))
        table.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    _move_settings()
    with op.batch_alter_table("target") as table:
        table.alter_column("document", existing_type=_JSON, nullable=False)
        table.alter_column("sealed", existing_type=_JSON, nullable=False)
        table.alter_column("version", existing_type=sa.Integer(), server_default=None)
        for name in _MOVED:
            table.drop_column(name)
    op.create_table(
        "dispatch_pause",
        sa.Column("target", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("paused_by", sa.String(256), nullable=False),
        sa.Column("paused_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("target", name=op.f("pk_dispatch_pause")),
    )
    priority = sa.Enum(
        "urgent",
        "normal",
        "offpeak",
        name="priority",
        native_enum=False,
        create_constraint=True,
        length=32,
    )
    with op.batch_alter_table("dispatch") as table:
        table.add_column(sa.Column("case_id", sa.Uuid(), nullable=True))
        table.add_column(sa.Column("priority", priority, nullable=False, server_default="normal"))
    with op.batch_alter_table("dispatch") as table:
        table.alter_column("priority", existing_type=priority, server_default=None)
    op.create_index(op.f("ix_dispatch_case_id"), "dispatch", ["case_id"])
    # What was being sent when the old version ended goes on when its turn comes.
    op.execute("UPDATE dispatch SET status = 'queued' WHERE status = 'sending'")


def _move_settings() -> None:
    """Put the settings of the DICOM nodes that are there into their documents."""
    columns = [sa.column(name) for name in ("name", *_MOVED)]
    target = sa.table("target", *columns, sa.column("document", _JSON), sa.column("sealed", _JSON))
    connection = op.get_bind()
    for row in connection.execute(sa.select(*columns)).mappings().all():
        document = {**_ADDED, **{name: row[name] for name in _MOVED}}
        connection.execute(
            target.update().where(target.c.name == row["name"]).values(document=document, sealed={})
        )


def downgrade() -> None:
    op.drop_index(op.f("ix_dispatch_case_id"), "dispatch")
    with op.batch_alter_table("dispatch") as table:
        table.drop_constraint(op.f("ck_dispatch_priority"), type_="check")
        table.drop_column("priority")
        table.drop_column("case_id")
    op.drop_table("dispatch_pause")
    with op.batch_alter_table("target") as table:
        table.add_column(sa.Column("ip", sa.String(255), nullable=False, server_default=""))
        table.add_column(sa.Column("port", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("aet_target", sa.String(16), nullable=False, server_default=""))
        table.add_column(sa.Column("aet_source", sa.String(16), nullable=False, server_default=""))
        table.add_column(sa.Column("comment", sa.Text(), nullable=False, server_default=""))
        for name in ("document", "sealed", "version"):
            table.drop_column(name)
