"""What was kept aside has rows of its own: events go when they are old, and files stay."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_KINDS = {
    "dicom.instance.quarantined": "quarantine",
    "dicom.instance.conflict": "conflict",
    "dicom.study.other_patient": "other-patient",
}


def upgrade() -> None:
    table = op.create_table(
        "kept_aside",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                *_KINDS.values(),
                name="asidekind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("series_instance_uid", sa.String(64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("source", sa.String(256), nullable=False),
        sa.Column("sender_address", sa.String(255), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("last_received_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_aside")),
        sa.UniqueConstraint("key", name=op.f("uq_kept_aside_key")),
    )
    op.create_index(op.f("ix_kept_aside_kind"), "kept_aside", ["kind", "id"])
    rows = _rows_of_events()
    if rows:
        op.bulk_insert(table, rows)


def _rows_of_events() -> list[dict[str, object]]:
    """Return what the journal still tells of, each once, in the order in which it came."""
    events = sa.table(
        "journal_event",
        sa.column("sequence"),
        sa.column("type", sa.String()),
        sa.column("subject", sa.String()),
        sa.column("time", UtcDateTime()),
        sa.column("data", sa.JSON()),
    )
    query = sa.select(events).where(events.c.type.in_(_KINDS)).order_by(events.c.sequence)
    rows: dict[str, dict[str, object]] = {}
    for sequence, kind, subject, time, data in op.get_bind().execute(query):
        study = str(data.get("study_instance_uid") or "")
        series = str(data.get("series_instance_uid") or "")
        key = str(data.get("key") or f"dicom/{study}/{series}")
        if key in rows:
            rows[key]["times"] = int(str(rows[key]["times"])) + 1
            rows[key]["last_received_at"] = time
            continue
        of_image = kind == "dicom.instance.conflict"
        rows[key] = {
            "id": _id_of(time, sequence),
            "kind": _KINDS[kind],
            "key": key,
            "study_instance_uid": study,
            "series_instance_uid": series,
            "sop_instance_uid": subject if of_image else str(data.get("sop_instance_uid") or ""),
            "source": str(data.get("source") or "")[:256],
            "sender_address": "",
            "detail": str(data.get("detail") or ""),
            "times": 1,
            "received_at": time,
            "last_received_at": time,
        }
    return list(rows.values())


def _id_of(time: datetime, sequence: int) -> UUID:
    """Return a UUIDv7 (RFC 9562 section 5.7) that has its place among those made later."""
    milliseconds = int(time.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | sequence)


def downgrade() -> None:
    op.drop_table("kept_aside")
