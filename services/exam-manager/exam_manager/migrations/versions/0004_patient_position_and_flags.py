"""How the patient lies, what of the patient a scan has to mind, and exams found by their device.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_POSITIONS = ("HFS", "HFP", "HFDR", "HFDL", "FFS", "FFP", "FFDR", "FFDL")
_PREGNANCY = ("NOT_PREGNANT", "POSSIBLY_PREGNANT", "DEFINITELY_PREGNANT", "UNKNOWN")


def upgrade() -> None:
    op.add_column("patient", sa.Column("implants", sa.JSON(), nullable=True))
    for name in ("allergies", "medical_alerts"):
        op.add_column(
            "patient", sa.Column(name, sa.JSON(), nullable=False, server_default=sa.text("'[]'"))
        )
    _add_words("patient", "pregnancy_status", "ck_patient_pregnancystatus", _PREGNANCY)
    _add_words("exam", "patient_position", "ck_exam_patientposition", _POSITIONS)
    op.create_index("ix_task_device_id", "task", ["device_id"])


def _add_words(table: str, column: str, check: str, words: tuple[str, ...]) -> None:
    """Add a column of one of these words.

    In one statement: a constraint that is added afterwards would copy the table on SQLite, and
    with it delete what hangs on its rows.
    """
    listed = ", ".join(f"'{word}'" for word in words)
    op.execute(
        f"ALTER TABLE {table} ADD COLUMN {column} VARCHAR(32) "
        f"CONSTRAINT {check} CHECK ({column} IN ({listed}))"
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
