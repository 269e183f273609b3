"""Sequences that were played lately: their text never changes, and a start need not wait for it."""

from collections import OrderedDict
from datetime import datetime

from scanhub_libraries.models import MRISequenceOut

_MOST_CHARACTERS = 64 * 1024 * 1024


class SequenceShelf:
    """Holds the sequences used last, up to a total length.

    What is said about a sequence can be edited, its file cannot: `updated_at` tells whether a
    sequence on the shelf is still as it is in exam-manager.
    """

    def __init__(self, most_characters: int = _MOST_CHARACTERS) -> None:
        self._most = most_characters
        self._held = 0
        self._sequences: OrderedDict[str, MRISequenceOut] = OrderedDict()

    def put(self, sequence: MRISequenceOut) -> None:
        """Take in a sequence; what was not used for longest makes room."""
        former = self._sequences.pop(sequence.id, None)
        self._held += _length(sequence) - (_length(former) if former else 0)
        self._sequences[sequence.id] = sequence
        while self._held > self._most:
            self._held -= _length(self._sequences.popitem(last=False)[1])

    def find(self, sequence_id: str) -> MRISequenceOut | None:
        """Return a sequence, if it is here."""
        sequence = self._sequences.get(sequence_id)
        if sequence is not None:
            self._sequences.move_to_end(sequence_id)
        return sequence


def is_current(
    sequence: MRISequenceOut | None, sequence_id: str | None, updated_at: datetime | None
) -> bool:
    """Say whether this is the sequence of a task as exam-manager has it now."""
    if sequence is None:
        return sequence_id is None
    return (sequence.id, sequence.updated_at) == (sequence_id, updated_at)


def _length(sequence: MRISequenceOut) -> int:
    return len(sequence.seq_file) + len(sequence.xml_file or "")
