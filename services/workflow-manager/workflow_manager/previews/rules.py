"""Which events matter to previews, and what is told of one. Pure."""

from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from scanhub_libraries.events import EventType
from scanhub_libraries.models import JournalEntry

BEGIN = EventType.STREAM_STARTED
ENDS = frozenset(
    {
        EventType.ACQUISITION_FINISHED,
        EventType.ACQUISITION_STOPPED,
        EventType.ACQUISITION_FAILED,
    }
)
_TOLD = ("number", "slice", "contrast", "phase", "repetition", "set")


@dataclass(frozen=True, slots=True)
class Scan:
    """The scan that is previewed."""

    acquisition_id: UUID
    task_id: UUID
    ids: dict[str, Any]
    """Those that every event of it carries."""

    @classmethod
    def of(cls, entry: JournalEntry) -> Self | None:
        """Return the scan that an event tells of; None: it names none."""
        try:
            acquisition_id = UUID(str(entry.data.get("acquisition_id")))
            task_id = UUID(str(entry.data.get("task_id")))
        except ValueError:
            return None
        names = ("acquisition_id", "task_id", "workflow_id", "exam_id", "device_id")
        return cls(acquisition_id, task_id, {name: entry.data.get(name) for name in names})

    def ready(self, about: dict[str, Any]) -> dict[str, Any]:
        """Return the data of the event that tells of an image."""
        return {**self.ids, **{name: about.get(name) for name in _TOLD}}

    def failed(self, reason: str) -> dict[str, Any]:
        """Return the data of the event that tells that there are no more."""
        return {**self.ids, "reason": reason}
