"""The first images of a series go the quick way too: study and series are written with them.

On SQLite. What has anything odd about it is handed back, untouched: a UID that is taken, a study of
another patient.
"""

import sqlite3
from collections.abc import Callable, Sequence

from scanhub_libraries.clock import utc_now
from scanhub_libraries.events import Event
from scanhub_libraries.plain_insert import PlainInsert
from workflow_manager.dicom.entries import Arrival, Origin, received_event, series_row, study_row
from workflow_manager.dicom.image import Image, header_of
from workflow_manager.dicom.models import DicomInstance, DicomSeries, DicomStudy
from workflow_manager.dicom.quick_index import enter_usual, same_patient
from workflow_manager.dicom.quick_statements import IS_KNOWN, PATIENT_OF, STATEMENTS

_TABLES = DicomInstance.metadata.tables
_STUDY = PlainInsert(_TABLES[DicomStudy.__tablename__])
_SERIES = PlainInsert(_TABLES[DicomSeries.__tablename__])


def enter_with_series(
    connection: sqlite3.Connection,
    images: Sequence[Image],
    origins: Sequence[Origin],
    place: Callable[[Sequence[int]], None],
) -> tuple[set[int], list[Event]]:
    """Put images into the index with the series that it lacks; the caller holds the transaction.

    Args:
        connection: With a transaction that writes.
        images: Any number, of any series.
        origins: Who brought each.
        place: Puts the files of the images with these numbers in their places, before the commit.

    Returns:
        The numbers of the images that entered, and the events that tell of new series: the caller
        writes them into the same transaction.
    """
    first: dict[str, int] = {}  # a UID that comes again is for the general way
    for number, image in enumerate(images):
        first.setdefault(image.sop_instance_uid, number)
    numbers = list(first.values())
    events = _make_series(connection, [(images[n], origins[n]) for n in numbers])
    if not events:
        return set(), []

    def place_them(entered: Sequence[int]) -> None:
        place([numbers[n] for n in entered])

    entered = enter_usual(connection, STATEMENTS, [images[n] for n in numbers], place_them)
    return {numbers[n] for n in entered}, events


def _make_series(
    connection: sqlite3.Connection, images: Sequence[tuple[Image, Origin]]
) -> list[Event]:
    """Write the series that are missing; each has an image then that is sure to enter."""
    events: list[Event] = []
    known: set[tuple[str, str]] = set()
    for image, origin in images:
        where = image.study_instance_uid, image.series_instance_uid
        if where in known or not _may_begin(connection, where, image):
            continue
        known.add(where)
        arrival = Arrival(header_of(image), origin)
        if _about(connection, where[0]) is None:
            _STUDY.write(connection, study_row(arrival, utc_now()))
        _SERIES.write(connection, series_row(arrival, utc_now()))
        events.append(received_event(arrival))
    return events


def _may_begin(connection: sqlite3.Connection, where: tuple[str, str], image: Image) -> bool:
    """Say whether an image is the first of a series, and nothing is to be said of its patient.

    Where images of the study were removed, somebody has to look whether any are left.
    """
    study, series = where
    found = connection.execute(STATEMENTS.find, {"study": study, "series": series}).fetchone()
    if found is not None:
        return False
    taken = connection.execute(IS_KNOWN, {"uid": image.sop_instance_uid}).fetchone()
    if taken is not None:
        return False
    about = _about(connection, study)
    if about is None:
        return True
    patient_id, patient_name_key, has_removed = about
    return not has_removed and same_patient(image, patient_id, patient_name_key)


def _about(connection: sqlite3.Connection, study: str) -> tuple[str, str, int] | None:
    """Return whose a study is, and whether series of it were removed; None: there is none."""
    found: tuple[str, str, int] | None = connection.execute(PATIENT_OF, {"study": study}).fetchone()
    return found
