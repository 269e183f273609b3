"""Scanners in full: pause and loss, safety verdicts, parameters, calibrations, uploads, nodes.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import UtcDateTime
from scanhub_libraries.ids import new_id

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATES = (
    "requested",
    "accepted",
    "running",
    "paused",
    "lost",
    "stopping",
    "finished",
    "stopped",
    "failed",
)
OPEN = sa.text("state IN ('accepted', 'lost', 'paused', 'requested', 'running', 'stopping')")
OPEN_BEFORE = sa.text("state IN ('accepted', 'requested', 'running', 'stopping')")
STATES_BEFORE = tuple(state for state in STATES if state != "paused")


def text_enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    # What was lost before had ended; from here on, a lost acquisition may come back.
    op.execute("UPDATE acquisition SET state = 'failed' WHERE state = 'lost'")
    _acquisitions(STATES_BEFORE, STATES, OPEN)
    with op.batch_alter_table("acquisition") as table:
        table.add_column(sa.Column("error_code", sa.String(64), nullable=True))
        table.add_column(sa.Column("progress", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("stop_reason", sa.String(4000), nullable=True))
        table.add_column(sa.Column("sequence_sha256", sa.String(64), nullable=True))
        table.add_column(sa.Column("safety", sa.JSON(), nullable=True))
        table.add_column(sa.Column("lost_at", UtcDateTime(), nullable=True))
        table.add_column(sa.Column("parameter_version", sa.Integer(), nullable=True))
    op.create_index(op.f("ix_acquisition_created_at"), "acquisition", ["created_at"])
    _devices()
    _parameters()
    _calibrations()
    _uploads()
    op.create_table(
        "node",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("url", sa.String(2000), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node")),
    )


def _acquisitions(before: tuple[str, ...], after: tuple[str, ...], is_open: sa.TextClause) -> None:
    """Change the states, and which of them hold a device."""
    op.drop_index("uq_acquisition_open_device", "acquisition")
    with op.batch_alter_table("acquisition") as table:
        table.alter_column(
            "state",
            existing_type=text_enum("acquisitionstate", *before),
            type_=text_enum("acquisitionstate", *after),
            existing_nullable=False,
        )
    op.create_index(
        "uq_acquisition_open_device",
        "acquisition",
        ["device_id"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def _devices() -> None:
    with op.batch_alter_table("device") as table:
        table.add_column(
            sa.Column("parameter_version", sa.Integer(), nullable=False, server_default="0")
        )
        table.add_column(sa.Column("calibration_id", sa.Uuid(), nullable=True))
        table.add_column(sa.Column("device_type", sa.String(200), nullable=True))
        table.add_column(sa.Column("system_limits", sa.JSON(), nullable=True))
        table.add_column(sa.Column("node_id", sa.Uuid(), nullable=True))
        table.add_column(
            sa.Column("home_version", sa.Integer(), nullable=False, server_default="0")
        )
        table.add_column(sa.Column("certificate_sha256", sa.String(64), nullable=True))
        table.add_column(sa.Column("token_rotated_at", UtcDateTime(), nullable=True))
        table.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))


def _parameters() -> None:
    history = op.create_table(
        "device_parameter",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("parameter", sa.JSON(), nullable=False),
        sa.Column("author", sa.String(256), nullable=False),
        sa.Column("comment", sa.String(10_000), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_parameter")),
        sa.UniqueConstraint("device_id", "version", name=op.f("uq_device_parameter_device_id")),
    )
    op.create_index(op.f("ix_device_parameter_device_id"), "device_parameter", ["device_id"])
    _first_versions(history)
    op.create_table(
        "parameter_schema",
        sa.Column("device_type", sa.String(200), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(256), nullable=False),
        sa.Column("datetime_created", UtcDateTime(), nullable=False),
        sa.Column("datetime_updated", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("device_type", name=op.f("pk_parameter_schema")),
    )


def _first_versions(history: sa.Table) -> None:
    """Let the parameters that devices have by now be the first version of each."""
    device = sa.table(
        "device",
        sa.column("id", sa.Uuid()),
        sa.column("parameter", sa.JSON()),
        sa.column("parameter_version", sa.Integer()),
    )
    rows = op.get_bind().execute(sa.select(device.c.id, device.c.parameter)).all()
    known = [(row.id, row.parameter) for row in rows if row.parameter]
    for device_id, parameter in known:
        first = {
            "id": new_id(),
            "device_id": device_id,
            "version": 1,
            "parameter": parameter,
            "author": "service:device-manager",
            "comment": "",
            "created_at": utc_now(),
        }
        op.execute(history.insert().values(**first))
        op.execute(device.update().where(device.c.id == device_id).values(parameter_version=1))


def _calibrations() -> None:
    op.create_table(
        "calibration",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("acquisition_id", sa.Uuid(), nullable=True),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column(
            "kind",
            text_enum("calibrationtype", "flip-angle", "frequency", "shims"),
            nullable=False,
        ),
        sa.Column(
            "state",
            text_enum("calibrationstate", "requested", "measured", "failed"),
            nullable=False,
        ),
        sa.Column("values", sa.JSON(), nullable=True),
        sa.Column("quality", sa.JSON(), nullable=True),
        sa.Column("problem", sa.String(4000), nullable=True),
        sa.Column("parameter_version", sa.Integer(), nullable=True),
        sa.Column("requested_by", sa.String(256), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calibration")),
    )
    op.create_index(op.f("ix_calibration_device_id"), "calibration", ["device_id"])
    op.create_index(op.f("ix_calibration_acquisition_id"), "calibration", ["acquisition_id"])


def _uploads() -> None:
    op.create_table(
        "upload",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("acquisition_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("filename", sa.String(255), nullable=False),
        sa.Column("content_type", sa.String(200), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("device_parameter", sa.JSON(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("touched_at", UtcDateTime(), nullable=False),
        sa.Column("stored_at", UtcDateTime(), nullable=True),
        sa.Column("problem", sa.String(4000), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
        sa.UniqueConstraint("acquisition_id", "filename", name=op.f("uq_upload_acquisition_id")),
    )
    op.create_index(op.f("ix_upload_acquisition_id"), "upload", ["acquisition_id"])
    op.create_index(op.f("ix_upload_device_id"), "upload", ["device_id"])


def downgrade() -> None:
    for table in ("node", "upload", "calibration", "parameter_schema", "device_parameter"):
        op.drop_table(table)
    with op.batch_alter_table("device") as table:
        for column in (
            "version",
            "token_rotated_at",
            "certificate_sha256",
            "node_id",
            "home_version",
            "system_limits",
            "device_type",
            "calibration_id",
            "parameter_version",
        ):
            table.drop_column(column)
    op.drop_index(op.f("ix_acquisition_created_at"), "acquisition")
    op.execute("UPDATE acquisition SET state = 'failed' WHERE state IN ('lost', 'paused')")
    with op.batch_alter_table("acquisition") as table:
        for column in (
            "parameter_version",
            "lost_at",
            "safety",
            "sequence_sha256",
            "stop_reason",
            "progress",
            "error_code",
        ):
            table.drop_column(column)
    _acquisitions(STATES, STATES_BEFORE, OPEN_BEFORE)
