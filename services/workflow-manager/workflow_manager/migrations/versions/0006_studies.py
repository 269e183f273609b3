"""Studies, and what DICOMweb and C-FIND ask for as columns, filled from the tags that were kept."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from scanhub_libraries.database import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_AT_ONCE = 1000
_STUDY = {
    "study_date": ("StudyDate", 64),
    "study_time": ("StudyTime", 32),
    "accession_number": ("AccessionNumber", 64),
    "referring_physician_name": ("ReferringPhysicianName", 1024),
    "patient_name": ("PatientName", 1024),
    "patient_id": ("PatientID", 256),
    "issuer_of_patient_id": ("IssuerOfPatientID", 1024),
    "patient_birth_date": ("PatientBirthDate", 64),
    "patient_sex": ("PatientSex", 64),
    "study_id": ("StudyID", 64),
    "study_description": ("StudyDescription", 1024),
}
_SERIES = {
    "body_part_examined": ("BodyPartExamined", 64),
    "protocol_name": ("ProtocolName", 1024),
    "performed_procedure_step_start_date": ("PerformedProcedureStepStartDate", 64),
    "performed_procedure_step_start_time": ("PerformedProcedureStepStartTime", 32),
}
_NEW_OF_SERIES = {name: length for name, (_, length) in _SERIES.items()}
_INSTANCE = {
    "rows": "Rows",
    "columns": "Columns",
    "bits_allocated": "BitsAllocated",
    "number_of_frames": "NumberOfFrames",
}


def _study_table() -> sa.TableClause:
    return sa.table(
        "dicom_study",
        sa.column("study_instance_uid", sa.String),
        *(sa.column(name, sa.String) for name in _STUDY),
        sa.column("referring_physician_name_key", sa.String),
        sa.column("patient_name_key", sa.String),
        sa.column("tags", sa.JSON(none_as_null=True)),
        sa.column("received_at", UtcDateTime()),
    )


def _series_table() -> sa.TableClause:
    return sa.table(
        "dicom_series",
        sa.column("id", sa.Uuid),
        sa.column("study_instance_uid", sa.String),
        *(sa.column(name, sa.String) for name in _NEW_OF_SERIES),
        sa.column("tags", sa.JSON(none_as_null=True)),
        sa.column("number_of_series_related_instances", sa.Integer),
        sa.column("received_at", UtcDateTime()),
    )


def _instance_table() -> sa.TableClause:
    return sa.table(
        "dicom_instance",
        sa.column("sop_instance_uid", sa.String),
        sa.column("series_id", sa.Uuid),
        sa.column("tags", sa.JSON(none_as_null=True)),
        *(sa.column(name, sa.BigInteger) for name in _INSTANCE),
    )


def upgrade() -> None:
    text = [
        sa.Column(name, sa.String(length), nullable=False) for name, (_, length) in _STUDY.items()
    ]
    op.create_table(
        "dicom_study",
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        *text,
        sa.Column("referring_physician_name_key", sa.String(256), nullable=False),
        sa.Column("patient_name_key", sa.String(256), nullable=False),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("study_instance_uid", name=op.f("pk_dicom_study")),
    )
    _add_columns()
    _fill()
    with op.batch_alter_table("dicom_series") as batch:
        batch.create_foreign_key(
            op.f("fk_dicom_series_study_instance_uid_dicom_study"),
            "dicom_study",
            ["study_instance_uid"],
            ["study_instance_uid"],
        )
    for columns in (
        ["study_date", "study_time", "study_instance_uid"],
        ["patient_id", "study_instance_uid"],
        ["patient_name_key", "study_instance_uid"],
        ["accession_number", "study_instance_uid"],
    ):
        op.create_index(op.f(f"ix_dicom_study_{columns[0]}"), "dicom_study", columns)
    op.drop_index(op.f("ix_dicom_instance_series_id"), "dicom_instance")
    columns = ["series_id", "instance_number", "sop_instance_uid"]
    op.create_index(op.f("ix_dicom_instance_series_id"), "dicom_instance", columns)


def _add_columns() -> None:
    """Add the columns; what rows that are there get is no default of the schema afterwards."""
    with op.batch_alter_table("dicom_series") as batch:
        for name, length in _NEW_OF_SERIES.items():
            batch.add_column(sa.Column(name, sa.String(length), nullable=False, server_default=""))
        batch.add_column(
            sa.Column("other_patient", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch.add_column(
            sa.Column("tags", sa.JSON(none_as_null=True), nullable=False, server_default="{}")
        )
        batch.add_column(
            sa.Column(
                "number_of_series_related_instances",
                sa.Integer(),
                nullable=False,
                server_default="0",
            )
        )
    with op.batch_alter_table("dicom_series") as batch:
        for name in (
            *_NEW_OF_SERIES,
            "other_patient",
            "tags",
            "number_of_series_related_instances",
        ):
            batch.alter_column(name, server_default=None)
    for name in _INSTANCE:
        op.add_column("dicom_instance", sa.Column(name, sa.BigInteger(), nullable=True))


def _fill() -> None:
    connection = op.get_bind()
    studies, series, instances = _study_table(), _series_table(), _instance_table()
    first = (
        sa.select(sa.func.min(instances.c.sop_instance_uid))
        .where(instances.c.series_id == series.c.id)
        .correlate(series)
        .scalar_subquery()
    )
    query = (
        sa.select(series.c.id, series.c.study_instance_uid, series.c.received_at, instances.c.tags)
        .select_from(series.outerjoin(instances, instances.c.sop_instance_uid == first))
        .order_by(series.c.id)
    )
    seen: set[str] = set()
    for row in connection.execute(query).all():
        tags = row.tags or {}
        if row.study_instance_uid not in seen:
            seen.add(row.study_instance_uid)
            connection.execute(studies.insert(), [_study(row.study_instance_uid, row, tags)])
        total = sa.select(sa.func.count()).where(instances.c.series_id == row.id)
        values = _texts(_SERIES, tags)
        connection.execute(
            series.update()
            .where(series.c.id == row.id)
            .values(number_of_series_related_instances=total.scalar_subquery(), **values)
        )
    for rows in _pages(connection, instances):
        connection.execute(
            instances.update()
            .where(instances.c.sop_instance_uid == sa.bindparam("uid"))
            .values({name: sa.bindparam(f"new_{name}") for name in _INSTANCE}),
            [
                {
                    "uid": row.sop_instance_uid,
                    **{f"new_{name}": _number(row.tags.get(k)) for name, k in _INSTANCE.items()},
                }
                for row in rows
            ],
        )


def _pages(connection: sa.Connection, instances: sa.TableClause) -> Iterator[Any]:
    after = ""
    while True:
        query = (
            sa.select(instances.c.sop_instance_uid, instances.c.tags)
            .where(instances.c.sop_instance_uid > after)
            .order_by(instances.c.sop_instance_uid)
            .limit(_AT_ONCE)
        )
        rows = connection.execute(query).all()
        if not rows:
            return
        yield rows
        after = rows[-1].sop_instance_uid


def _study(uid: str, row: Any, tags: dict[str, Any]) -> dict[str, Any]:
    values = _texts(_STUDY, tags)
    return {
        "study_instance_uid": uid,
        **values,
        "referring_physician_name_key": _key(values["referring_physician_name"]),
        "patient_name_key": _key(values["patient_name"]),
        "tags": {k: tags[k] for k in ("SpecificCharacterSet", "PatientAge") if k in tags},
        "received_at": row.received_at or datetime.now(UTC),
    }


def _texts(columns: dict[str, tuple[str, int]], tags: dict[str, Any]) -> dict[str, str]:
    return {name: _text(tags.get(key))[:length] for name, (key, length) in columns.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return "\\".join(map(str, value)) if isinstance(value, list) else str(value)


def _number(value: Any) -> int | None:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < 2**63 else None


def _key(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name)
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()
    return re.sub(r"\^+(?==|$)", "", plain).rstrip("=")[:256]


def downgrade() -> None:
    op.drop_index(op.f("ix_dicom_instance_series_id"), "dicom_instance")
    op.create_index(op.f("ix_dicom_instance_series_id"), "dicom_instance", ["series_id"])
    with op.batch_alter_table("dicom_series") as batch:
        batch.drop_constraint(
            op.f("fk_dicom_series_study_instance_uid_dicom_study"), type_="foreignkey"
        )
        for name in (
            *_NEW_OF_SERIES,
            "other_patient",
            "tags",
            "number_of_series_related_instances",
        ):
            batch.drop_column(name)
    for name in _INSTANCE:
        op.drop_column("dicom_instance", name)
    op.drop_table("dicom_study")
