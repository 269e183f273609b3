"""The exam and the case that an event tells of become columns; every question has its index."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
_IDS = ("exam_id", "case_id")
_POSTGRESQL = (
    "UPDATE journal_event SET exam_id = CAST(data->>'exam_id' AS uuid) "
    "WHERE data->>'exam_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'",
    "UPDATE journal_event SET case_id = CAST(data->>'case_id' AS uuid) "
    "WHERE data->>'case_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'",
    "UPDATE journal_event SET exam_id = CAST(subject AS uuid) "
    "WHERE type IN ('exam.created', 'exam.updated', 'exam.deleted') "
    "AND subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'",
)
_SQLITE = (  # an id is stored without its hyphens
    "UPDATE journal_event SET exam_id = lower(replace(json_extract(data, '$.exam_id'), '-', '')) "
    "WHERE length(json_extract(data, '$.exam_id')) = 36",
    "UPDATE journal_event SET case_id = lower(replace(json_extract(data, '$.case_id'), '-', '')) "
    "WHERE length(json_extract(data, '$.case_id')) = 36",
    "UPDATE journal_event SET exam_id = lower(replace(subject, '-', '')) "
    "WHERE type IN ('exam.created', 'exam.updated', 'exam.deleted') AND length(subject) = 36",
)


def upgrade() -> None:
    for name in _IDS:
        op.add_column("journal_event", sa.Column(name, sa.Uuid(), nullable=True))
    statements = _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE
    for statement in statements:
        op.execute(statement)
    for name in (*_IDS, "actor"):
        given = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"ix_journal_event_{name}_sequence",
            "journal_event",
            [name, "sequence"],
            sqlite_where=given,
            postgresql_where=given,
        )
    op.create_index(op.f("ix_journal_event_time"), "journal_event", ["time"])
    op.create_index("ix_journal_event_type_sequence", "journal_event", ["type", "sequence"])


def downgrade() -> None:
    op.drop_index("ix_journal_event_type_sequence", "journal_event")
    op.drop_index(op.f("ix_journal_event_time"), "journal_event")
    for name in (*_IDS, "actor"):
        op.drop_index(f"ix_journal_event_{name}_sequence", "journal_event")
    for name in _IDS:
        op.drop_column("journal_event", name)
