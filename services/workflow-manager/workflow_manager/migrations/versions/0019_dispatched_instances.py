"""What targets have: a row for each image instead of lists that are written anew each second."""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True)
_AT_ONCE = 100
_dispatch = sa.table(
    "dispatch",
    sa.column("id", sa.Uuid()),
    sa.column("sent", _JSON),
    sa.column("stored", _JSON),
    sa.column("sent_count", sa.Integer()),
    sa.column("stored_count", sa.Integer()),
)
_instance = sa.table(
    "dispatched_instance",
    sa.column("dispatch_id", sa.Uuid()),
    sa.column("sop_instance_uid", sa.String()),
    sa.column("attempt", sa.Integer()),
    sa.column("confirmed", sa.Boolean()),
    sa.column("transfer_syntax_uid", sa.String()),
)


def upgrade() -> None:
    op.create_table(
        "dispatched_instance",
        sa.Column("dispatch_id", sa.Uuid(), nullable=False),
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("transfer_syntax_uid", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["dispatch_id"],
            ["dispatch.id"],
            name=op.f("fk_dispatched_instance_dispatch_id_dispatch"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "dispatch_id", "sop_instance_uid", name=op.f("pk_dispatched_instance")
        ),
    )
    with op.batch_alter_table("dispatch") as table:
        for name in ("sent_count", "stored_count"):
            table.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("removed_at", UtcDateTime(), nullable=True))
    connection = op.get_bind()
    for row in _dispatches(connection):
        sent, stored = _attempts(row.sent), _attempts(row.stored)
        both = [(sent, True), ({u: a for u, a in stored.items() if u not in sent}, False)]
        instances = [
            {
                "dispatch_id": row.id,
                "sop_instance_uid": uid,
                "attempt": attempt,
                "confirmed": confirmed,
                "transfer_syntax_uid": "",
            }
            for attempts, confirmed in both
            for uid, attempt in attempts.items()
        ]
        if not instances:
            continue
        connection.execute(_instance.insert(), instances)
        counts = {"sent_count": len(both[0][0]), "stored_count": len(both[1][0])}
        connection.execute(_dispatch.update().where(_dispatch.c.id == row.id).values(counts))
    with op.batch_alter_table("dispatch") as table:
        table.drop_column("sent")
        table.drop_column("stored")
    with op.batch_alter_table("dispatch") as table:
        for name in ("sent", "stored"):
            table.alter_column(
                f"{name}_count",
                new_column_name=name,
                existing_type=sa.Integer(),
                existing_nullable=False,
                server_default=None,
            )


def downgrade() -> None:
    with op.batch_alter_table("dispatch") as table:
        table.drop_column("removed_at")
        for name in ("sent", "stored"):
            table.alter_column(
                name,
                new_column_name=f"{name}_count",
                existing_type=sa.Integer(),
                existing_nullable=False,
            )
    with op.batch_alter_table("dispatch") as table:
        for name in ("sent", "stored"):
            table.add_column(sa.Column(name, _JSON, nullable=True))
    connection = op.get_bind()
    for (dispatch_id,) in connection.execute(sa.select(_dispatch.c.id)).all():
        found = connection.execute(
            sa.select(_instance).where(_instance.c.dispatch_id == dispatch_id)
        ).all()
        lists: dict[str, dict[str, int]] = {"sent": {}, "stored": {}}
        for row in found:
            lists["sent" if row.confirmed else "stored"][row.sop_instance_uid] = row.attempt
        connection.execute(_dispatch.update().where(_dispatch.c.id == dispatch_id).values(lists))
    with op.batch_alter_table("dispatch") as table:
        for name in ("sent", "stored"):
            table.alter_column(name, existing_type=_JSON, nullable=False)
            table.drop_column(f"{name}_count")
    op.drop_table("dispatched_instance")


def _dispatches(connection: sa.Connection) -> Iterator[Any]:
    """Give every row, a hundred at a time: their lists may be long."""
    last = None
    while True:
        query = sa.select(_dispatch.c.id, _dispatch.c.sent, _dispatch.c.stored)
        if last is not None:
            query = query.where(_dispatch.c.id > last)
        rows = connection.execute(query.order_by(_dispatch.c.id).limit(_AT_ONCE)).all()
        yield from rows
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1].id


def _attempts(value: Any) -> dict[str, int]:
    """Return instance and attempt; older versions wrote texts, and lists before there were any."""
    found = json.loads(value) if isinstance(value, str) else value
    return {str(uid): int(attempt) for uid, attempt in (found or {}).items()}
