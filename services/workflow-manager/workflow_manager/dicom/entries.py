"""What arrives at the index, and what it becomes there: rows and events."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from scanhub_libraries.events import Event, EventType
from scanhub_libraries.ids import new_id
from workflow_manager.dicom import rules
from workflow_manager.dicom.attributes import SERIES_TAGS, STUDY_TAGS, Level, some
from workflow_manager.dicom.columns import as_text, columns_of
from workflow_manager.dicom.part10 import Header
from workflow_manager.journal.service import own_event
from workflow_manager.kept_aside.models import AsideKind
from workflow_manager.kept_aside.service import Aside, series_key

_OTHER_PATIENT = "An image names another patient than its study does. It was kept with the study."


class Outcome(StrEnum):
    """What became of an instance."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an instance came from."""

    source: str
    """AE title of the sender, or the run."""
    task_id: UUID | None = None
    exam_id: UUID | None = None
    receiver_aet: str = ""
    """AE title that the sender called."""
    sender_address: str = ""
    forced_rule: str = ""
    """Rule to use, whatever the others say (mercureForceRule)."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An instance that shall enter the index."""

    header: Header
    origin: Origin

    @property
    def key(self) -> str:
        """Where its file belongs, below the root of the lake."""
        head = self.header
        return rules.instance_key(
            head.study_instance_uid, head.series_instance_uid, head.sop_instance_uid
        )

    @property
    def place(self) -> tuple[str, str]:
        """Study and series. A series with the same UID in another study is another series."""
        return self.header.study_instance_uid, self.header.series_instance_uid


@dataclass(frozen=True, slots=True)
class Entered:
    """What became of an arrival."""

    outcome: Outcome
    key: str
    """Where its file belongs: in its place, or aside if in conflict; a duplicate is there."""
    detail: str = ""


def study_row(arrival: Arrival, now: datetime) -> dict[str, Any]:
    """Return the row of a new study."""
    header = arrival.header
    return {
        "study_instance_uid": header.study_instance_uid,
        **columns_of(Level.STUDY, header.tags),
        "tags": some(header.tags, STUDY_TAGS),
        "received_at": now,
    }


def series_row(arrival: Arrival, now: datetime) -> dict[str, Any]:
    """Return the row of a new series."""
    header, origin = arrival.header, arrival.origin
    return {
        "id": new_id(),
        "study_instance_uid": header.study_instance_uid,
        "series_instance_uid": header.series_instance_uid,
        **columns_of(Level.SERIES, header.tags),
        "patient_id": as_text(header.tags.get("PatientID"))[:1024],
        "patient_name": as_text(header.tags.get("PatientName"))[:1024],
        "other_patient": False,
        "study_date": as_text(header.tags.get("StudyDate"))[:64],
        "tags": some(header.tags, SERIES_TAGS),
        "number_of_series_related_instances": 0,
        "source": origin.source[:64],
        "receiver_aet": origin.receiver_aet[:64],
        "sender_address": origin.sender_address[:255],
        "forced_rule": origin.forced_rule[:200],
        "task_id": origin.task_id,
        "exam_id": origin.exam_id,
        "complete": False,
        "complete_reason": None,
        "closed_at": None,
        "removed_at": None,
        "received_at": now,
        "last_received_at": now,
    }


def instance_row(arrival: Arrival, series_id: UUID, now: datetime) -> dict[str, Any]:
    """Return the row of an instance."""
    header = arrival.header
    return {
        "sop_instance_uid": header.sop_instance_uid,
        "series_id": series_id,
        "sop_class_uid": header.sop_class_uid,
        "transfer_syntax_uid": header.transfer_syntax_uid,
        **columns_of(Level.INSTANCE, header.tags),
        "sha256": header.sha256,
        "size": header.size,
        "key": arrival.key,
        "tags": header.tags,
        "duplicates": 0,
        "conflicts": 0,
        "received_at": now,
    }


def in_conflict(arrival: Arrival) -> Entered:
    """Return what became of an instance whose UID another one has."""
    uid = arrival.header.sop_instance_uid
    detail = f"Another object is stored under SOP Instance UID {uid}; this one was kept aside."
    return Entered(Outcome.CONFLICT, rules.conflict_key(uid, arrival.header.sha256), detail)


def conflict_event(arrival: Arrival, entered: Entered) -> Event:
    """Return the event of a conflict."""
    data = {
        "series_instance_uid": arrival.header.series_instance_uid,
        "source": arrival.origin.source,
        "key": entered.key,
        "detail": entered.detail,
    }
    return own_event(EventType.INSTANCE_CONFLICT, arrival.header.sop_instance_uid, data)


def aside_in_conflict(arrival: Arrival, entered: Entered) -> Aside:
    """Return what is kept aside for a conflict."""
    return _aside(AsideKind.CONFLICT, arrival, key=entered.key, detail=entered.detail)


def aside_of_other_patient(arrival: Arrival) -> Aside:
    """Return what somebody should look at: a series with an image of another patient."""
    key = series_key(*arrival.place)
    return _aside(AsideKind.OTHER_PATIENT, arrival, key=key, detail=_OTHER_PATIENT)


def _aside(kind: AsideKind, arrival: Arrival, *, key: str, detail: str) -> Aside:
    header, origin = arrival.header, arrival.origin
    return Aside(
        kind,
        key,
        detail,
        origin.source,
        origin.sender_address,
        header.study_instance_uid,
        header.series_instance_uid,
        header.sop_instance_uid,
    )


def quarantined(sha256: str, origin: Origin, reason: str) -> tuple[Aside, Event]:
    """Return what is kept aside of bytes that no index can take, and the event that tells so."""
    key = rules.quarantine_key(sha256)
    aside = Aside(AsideKind.QUARANTINE, key, reason, origin.source, origin.sender_address)
    data = {"source": origin.source, "key": key, "detail": reason}
    return aside, own_event(EventType.INSTANCE_QUARANTINED, sha256, data)


def received_event(arrival: Arrival) -> Event:
    """Return the event of a new series."""
    header, origin = arrival.header, arrival.origin
    data = {
        "series_instance_uid": header.series_instance_uid,
        "study_instance_uid": header.study_instance_uid,
        "modality": columns_of(Level.SERIES, header.tags)["modality"],
        "source": origin.source[:64],
        "task_id": str(origin.task_id) if origin.task_id else None,
        "exam_id": str(origin.exam_id) if origin.exam_id else None,
    }
    return own_event(EventType.SERIES_RECEIVED, header.series_instance_uid, data)


def other_patient_event(arrival: Arrival) -> Event:
    """Tell of it by UIDs: who the patients are stands in the images."""
    data = {
        "study_instance_uid": arrival.header.study_instance_uid,
        "series_instance_uid": arrival.header.series_instance_uid,
        "sop_instance_uid": arrival.header.sop_instance_uid,
        "source": arrival.origin.source,
        "detail": _OTHER_PATIENT,
    }
    return own_event(EventType.STUDY_OTHER_PATIENT, arrival.header.study_instance_uid, data)
