"""The index of the DICOM node: studies, series and instances.

Columns that are DICOM attributes take their names from them; `dicom/attributes.py` lists them.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import JSONDocument, UtcDateTime
from scanhub_libraries.ids import new_id
from workflow_manager.database import Table


class DicomStudy(Table, table=True):
    """A study, as its first instance described it and its patient."""

    __tablename__ = "dicom_study"
    __table_args__ = (
        sa.Index(None, "study_date", "study_time", "study_instance_uid"),
        sa.Index(None, "patient_id", "study_instance_uid"),
        sa.Index(None, "patient_name_key", "study_instance_uid"),
        sa.Index(None, "accession_number", "study_instance_uid"),
    )

    study_instance_uid: str = Field(primary_key=True, max_length=64)
    study_date: str = Field(default="", max_length=64, description="YYYYMMDD")
    study_time: str = Field(default="", max_length=32, description="HHMMSS.FFFFFF")
    accession_number: str = Field(default="", max_length=64)
    referring_physician_name: str = Field(default="", max_length=1024)
    referring_physician_name_key: str = Field(default="", max_length=256)
    patient_name: str = Field(default="", max_length=1024)
    patient_name_key: str = Field(
        default="", max_length=256, description="What names are compared by: no case, no accents"
    )
    patient_id: str = Field(default="", max_length=256)
    issuer_of_patient_id: str = Field(default="", max_length=1024)
    patient_birth_date: str = Field(default="", max_length=64, description="YYYYMMDD")
    patient_sex: str = Field(default="", max_length=64)
    study_id: str = Field(default="", max_length=64)
    study_description: str = Field(default="", max_length=1024)
    tags: dict[str, Any] = Field(default_factory=dict, sa_type=JSONDocument)
    received_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class DicomSeries(Table, table=True):
    """A series, as its first instance described it."""

    __tablename__ = "dicom_series"
    __table_args__ = (sa.UniqueConstraint("study_instance_uid", "series_instance_uid"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    study_instance_uid: str = Field(max_length=64, foreign_key="dicom_study.study_instance_uid")
    series_instance_uid: str = Field(max_length=64, index=True)
    modality: str = Field(default="", max_length=64)
    series_description: str = Field(default="", max_length=1024)
    series_number: int | None = Field(default=None, sa_type=sa.BigInteger)
    body_part_examined: str = Field(default="", max_length=64)
    protocol_name: str = Field(default="", max_length=1024)
    performed_procedure_step_start_date: str = Field(default="", max_length=64)
    performed_procedure_step_start_time: str = Field(default="", max_length=32)
    patient_id: str = Field(default="", max_length=1024)
    patient_name: str = Field(default="", max_length=1024)
    other_patient: bool = Field(
        default=False, description="An image in it names another patient than its study does"
    )
    study_date: str = Field(default="", max_length=64)
    tags: dict[str, Any] = Field(default_factory=dict, sa_type=JSONDocument)
    number_of_series_related_instances: int = Field(default=0)
    source: str = Field(max_length=64, description="AE title, or the run")
    receiver_aet: str = Field(default="", max_length=64, description="Called AE title")
    sender_address: str = Field(default="", max_length=255)
    forced_rule: str = Field(default="", max_length=200, description="The rule to use, whatever")
    task_id: UUID | None = Field(default=None, index=True)
    exam_id: UUID | None = Field(default=None)
    complete: bool = Field(default=False, index=True)
    complete_reason: str | None = Field(default=None, max_length=64)
    received_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    last_received_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    closed_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime, description="Its association ended cleanly"
    )
    removed_at: datetime | None = Field(
        default=None,
        sa_type=UtcDateTime,
        description="Its images were removed; the next one describes it anew",
    )


class DicomInstance(Table, table=True):
    """An instance: where its file is and what it is about."""

    __tablename__ = "dicom_instance"
    __table_args__ = (
        sa.Index(None, "series_id", "instance_number", "sop_instance_uid"),
        # All of them as they came.
        sa.Index(None, "received_at", "sop_instance_uid"),
    )

    sop_instance_uid: str = Field(primary_key=True, max_length=64)
    series_id: UUID = Field(foreign_key="dicom_series.id")
    sop_class_uid: str = Field(max_length=64)
    transfer_syntax_uid: str = Field(max_length=64)
    instance_number: int | None = Field(default=None, sa_type=sa.BigInteger)
    rows: int | None = Field(default=None, sa_type=sa.BigInteger, description="[pixel]")
    columns: int | None = Field(default=None, sa_type=sa.BigInteger, description="[pixel]")
    bits_allocated: int | None = Field(default=None, sa_type=sa.BigInteger, description="[bit]")
    number_of_frames: int | None = Field(default=None, sa_type=sa.BigInteger)
    sha256: str = Field(max_length=64)
    size: int = Field(sa_type=sa.BigInteger, description="[byte]")
    key: str = Field(max_length=255, description="Place below the root of the lake")
    tags: dict[str, Any] = Field(default_factory=dict, sa_type=JSONDocument)
    duplicates: int = Field(default=0)
    conflicts: int = Field(default=0)
    received_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
