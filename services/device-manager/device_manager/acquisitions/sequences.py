"""Sequences that were played lately: their text never changes, and a start need not wait for it."""

import asyncio
import hashlib
from collections import OrderedDict
from datetime import datetime

from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.models import MRISequenceOut

_MOST_CHARACTERS = 64 * 1024 * 1024
_LARGE = 256 * 1024
"""Characters from which hashing leaves the event loop."""


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


async def check_intact(sequence: MRISequenceOut) -> MRISequenceOut:
    """Return a sequence whose `sha256` is the hash of the text that a device gets.

    Raises:
        UnprocessableError: It is not: the text is not what was analysed.
    """
    large = len(sequence.seq_file) > _LARGE
    digest = await asyncio.to_thread(_digest, sequence) if large else _digest(sequence)
    if sequence.sha256 and sequence.sha256 != digest:
        raise UnprocessableError(
            "The file of the sequence is not what was uploaded (its SHA-256 differs): upload it "
            "again."
        )
    return sequence if sequence.sha256 else sequence.model_copy(update={"sha256": digest})


def _digest(sequence: MRISequenceOut) -> str:
    return hashlib.sha256(sequence.seq_file.encode()).hexdigest()


def _length(sequence: MRISequenceOut) -> int:
    return len(sequence.seq_file) + len(sequence.xml_file or "")
