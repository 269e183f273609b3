"""Series whose images were removed."""

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("dicom_series") as table:
        table.add_column(sa.Column("removed_at", UtcDateTime(), nullable=True))
    op.execute(
        "UPDATE dicom_series SET removed_at = last_received_at"
        " WHERE number_of_series_related_instances = 0"
    )


def downgrade() -> None:
    with op.batch_alter_table("dicom_series") as table:
        table.drop_column("removed_at")
