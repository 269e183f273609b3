"""What an entry says of an event that changes no record: what left, and where to. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from exam_manager.audit.rules import Changes, plain
from scanhub_libraries.events import EventType

_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    EventType.RESULT_DOWNLOADED: ("form", "files"),
    EventType.RESULT_SENDING: ("to", "files"),
    EventType.RESULT_SENT: ("to", "files"),
    EventType.RESULT_SEND_FAILED: ("to", "files", "reason"),
    EventType.PROTOCOL_EXPORTED: ("name", "protocol_version"),
    EventType.AUDIT_EXPORTED: ("from", "to", "filters"),
}


def told(event_type: str, data: Mapping[str, Any]) -> Changes:
    """Return the fields of an event that its entry repeats, with nothing before."""
    fields = _FIELDS.get(event_type, ())
    return {name: [None, plain(data[name])] for name in fields if data.get(name) is not None}
