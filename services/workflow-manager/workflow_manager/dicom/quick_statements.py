"""The statements of the usual way into the index, written from its tables. See `quick_index`."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from workflow_manager.dicom.models import DicomInstance, DicomSeries, DicomStudy
from workflow_manager.dicom.quick_index import Statements

_DIALECT = sqlite.dialect(paramstyle="named")
_METADATA = DicomInstance.metadata.tables
_INSTANCE = _METADATA[DicomInstance.__tablename__]
_SERIES, _STUDY = _METADATA[DicomSeries.__tablename__], _METADATA[DicomStudy.__tablename__]


def _text(statement: Any) -> str:
    return str(statement.compile(dialect=_DIALECT))


_FIND = _text(
    sa.select(_SERIES.c.id, _STUDY.c.patient_id, _STUDY.c.patient_name_key, _SERIES.c.other_patient)
    .join_from(_SERIES, _STUDY, _STUDY.c.study_instance_uid == _SERIES.c.study_instance_uid)
    .where(
        _SERIES.c.study_instance_uid == sa.bindparam("study"),
        _SERIES.c.series_instance_uid == sa.bindparam("series"),
        _SERIES.c.removed_at.is_(None),  # else it is described anew, the general way
    )
)
_INSERT = _text(sqlite.insert(_INSTANCE).on_conflict_do_nothing())
_ADD = _text(
    sa.update(_SERIES)
    .where(_SERIES.c.id == sa.bindparam("series"))
    .values(
        number_of_series_related_instances=_SERIES.c.number_of_series_related_instances
        + sa.bindparam("more"),
        last_received_at=sa.bindparam("now"),
        closed_at=sa.null(),
        complete=sa.false(),  # what arrives late opens a series again
    )
)
PATIENT_OF = _text(
    sa.select(
        _STUDY.c.patient_id,
        _STUDY.c.patient_name_key,
        sa.exists()
        .where(
            _SERIES.c.study_instance_uid == _STUDY.c.study_instance_uid,
            _SERIES.c.removed_at.is_not(None),
        )
        .label("has_removed"),
    ).where(_STUDY.c.study_instance_uid == sa.bindparam("study"))
)
"""And whether series of the study were removed."""
IS_KNOWN = _text(
    sa.select(_INSTANCE.c.size).where(_INSTANCE.c.sop_instance_uid == sa.bindparam("uid"))
)
STATEMENTS = Statements(_FIND, _INSERT, _ADD)
