"""What the journal has of a case, in mercure's words for it. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from scanhub_libraries.events import EventType
from workflow_manager.bookkeeper.merging import OWN
from workflow_manager.bookkeeper.rows import TaskEventRow, local_time
from workflow_manager.journal.models import JournalEvent

_E = EventType
_ROUTER, _PROCESSOR, _DISPATCHER, _CLEANER = "router", "processor", "dispatcher", "cleaner"
_MODULE_COMPLETE = "PROCESS_MODULE_COMPLETE"
WORDS: dict[str, tuple[str, str]] = {
    _E.CASE_OPENED: (_ROUTER, "REGISTER"),
    _E.CASE_DISCARDED: (_ROUTER, "DISCARD"),
    _E.CASE_DONE: (_ROUTER, "COMPLETE"),
    _E.CASE_FAILED: (_ROUTER, "ERROR"),
    _E.PROCESSING_STARTED: (_PROCESSOR, "PROCESS_BEGIN"),
    _E.PROCESSING_STEP: (_PROCESSOR, "PROCESS_MODULE_BEGIN"),
    _E.PROCESSING_FINISHED: (_PROCESSOR, "PROCESS_COMPLETE"),
    _E.PROCESSING_FAILED: (_PROCESSOR, "ERROR"),
    _E.PROCESSING_CANCELED: (_PROCESSOR, "ERROR"),
    _E.DISPATCH_QUEUED: (_DISPATCHER, "DISPATCH_BEGIN"),
    _E.DISPATCH_SENT: (_DISPATCHER, "DISPATCH_COMPLETE"),
    _E.DISPATCH_RETRY: (_DISPATCHER, "ERROR"),
    _E.DISPATCH_FAILED: (_DISPATCHER, "SUSPEND"),
    _E.NOTIFICATION_SENT: (_ROUTER, "NOTIFICATION"),
    _E.NOTIFICATION_FAILED: (_ROUTER, "ERROR"),
    _E.CLEANER_REMOVED: (_CLEANER, "CLEAN"),
}
"""Which of mercure's programs would have told it, and how it would have called it."""
_SENT = (_E.DISPATCH_QUEUED, _E.DISPATCH_SENT, _E.DISPATCH_RETRY, _E.DISPATCH_FAILED)


def task_events(
    task_id: str, entries: Sequence[JournalEvent], images: int
) -> Iterator[TaskEventRow]:
    """Yield what mercure's bookkeeper would have of a task.

    Args:
        task_id: The case.
        entries: What the journal has of it, in order.
        images: How many images it was opened with.
    """
    modules: dict[str, str] = {}
    went = False
    for entry in entries:
        went = went or entry.type in _SENT
        words = _words_of(entry, went=went)
        if words is None:
            continue
        if (done := _module_that_ended(entry, modules)) is not None:
            ended = {"reason": done}
            words_of_end = (_PROCESSOR, _MODULE_COMPLETE)
            yield _row(task_id, entry, words_of_end, ended, place=0, images=images)
        yield _row(task_id, entry, words, entry.data, place=1, images=images)


def _words_of(entry: JournalEvent, *, went: bool) -> tuple[str, str] | None:
    """Return who would have told it, and its name; `went`: something was sent of the case."""
    unrouted = entry.type == _E.CASE_DONE and entry.data.get("action") == "none" and not went
    if unrouted:  # no rule asked for it: mercure discards that
        return WORDS[_E.CASE_DISCARDED]
    if entry.type == _E.PROCESSING_QUEUED and entry.data.get("number", 1) > 1:
        return _PROCESSOR, "PROCESS_RESTART"
    return WORDS.get(entry.type)


def _module_that_ended(entry: JournalEvent, modules: dict[str, str]) -> str | None:
    """Return the module that has ended well when this happens: the next begins, or the run ends."""
    if entry.type == _E.PROCESSING_STEP:
        before = modules.pop(entry.subject, None)
        modules[entry.subject] = str(entry.data.get("module", ""))
        return before
    ended = modules.pop(entry.subject, None)
    return ended if entry.type == _E.PROCESSING_FINISHED else None


def _row(
    task_id: str,
    entry: JournalEvent,
    words: tuple[str, str],
    data: dict[str, Any],
    *,
    place: int,
    images: int,
) -> TaskEventRow:
    sender, event = words
    return TaskEventRow(
        id=OWN + 2 * (entry.sequence or 0) + place,
        task_id=task_id,
        time=entry.time,
        local_time=local_time(entry.time),
        sender=f"{sender}.scanhub",
        event=event,
        file_count=_count(event, data, images),
        target=str(data.get("target") or ""),
        info=_info(event, data),
        client_timestamp=None,
    )


def _count(event: str, data: dict[str, Any], images: int) -> int:
    if event == "DISPATCH_COMPLETE":
        return max(0, int(data.get("sent") or 0) - int(data.get("sent_before") or 0))
    return int(data.get("instances") or (images if event in {"REGISTER", "DISCARD"} else 0))


def _info(event: str, data: dict[str, Any]) -> str:
    if event == "REGISTER":
        return str(data.get("rule") or "")
    return str(data.get("error") or data.get("module") or data.get("reason") or "")
