"""Reads Pulseq files in a process of its own: seconds of work, never beside the event loop."""

from collections.abc import Awaitable, Callable

from scanhub_libraries.models import SequenceFacts

SequenceReader = Callable[[bytes], Awaitable[SequenceFacts]]


class ReaderProcess:
    """stub"""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
