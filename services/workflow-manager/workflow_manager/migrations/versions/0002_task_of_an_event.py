"""The task that an event tells of becomes a column, so that a task's history is one query."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("journal_event", sa.Column("task_id", sa.Uuid(), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "UPDATE journal_event SET task_id = CAST(data->>'task_id' AS uuid) "
            "WHERE data->>'task_id' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'"
        )
    else:  # an id is stored without its hyphens
        op.execute(
            "UPDATE journal_event "
            "SET task_id = lower(replace(json_extract(data, '$.task_id'), '-', '')) "
            "WHERE length(json_extract(data, '$.task_id')) = 36"
        )
    op.create_index(
        op.f("ix_journal_event_task_id_sequence"), "journal_event", ["task_id", "sequence"]
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_journal_event_task_id_sequence"), "journal_event")
    op.drop_column("journal_event", "task_id")
