"""Images as they came, and files that were reported by their UID."""

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None
_CAME = "ix_dicom_instance_received_at"
_REPORTED = "ix_bookkeeper_file_file_uid"


def upgrade() -> None:
    op.create_index(_CAME, "dicom_instance", ["received_at", "sop_instance_uid"])
    op.create_index(_REPORTED, "bookkeeper_file", ["file_uid"])


def downgrade() -> None:
    op.drop_index(_REPORTED, "bookkeeper_file")
    op.drop_index(_CAME, "dicom_instance")
