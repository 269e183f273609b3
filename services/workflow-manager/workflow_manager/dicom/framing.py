"""Take apart what comes over an established association (PS3.8 section 9.3). No sockets here.

One buffer is filled again and again. What is taken out of it are views that count until the next
filling; whoever keeps bytes copies them. A receiver that broke this rule wrote files of the right
number and size with wrong content.
"""

from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

P_DATA = 0x04
_PDU_HEADER = _PDV_HEADER = 6
_read_pdu_header, _read_pdv_header = Struct(">BxI").unpack_from, Struct(">IBB").unpack_from
_COUNTED = 2  # context id and message control header count as part of the item
_BUFFER = 262_144
_MAX_PDU = 64 * 2**20
"""Pieces are passed on as they come, so a long PDU costs no memory; longer ones are nonsense."""
_MAX_OTHER = 2**20
_COMMAND, _LAST = 0x01, 0x02


class ProtocolError(Exception):
    """The peer does not keep to the protocol; the association is aborted."""


class Piece(NamedTuple):
    """A part of a presentation data value; `data` counts until the buffer is filled again."""

    context_id: int
    is_command: bool
    is_last: bool
    """The command or the data set ends with this piece."""
    data: memoryview


@dataclass(frozen=True, slots=True)
class OtherPdu:
    """A whole PDU that carries no data: release, abort, or something that does not belong here."""

    data: bytes


class Frames:
    """Gives the pieces of data in the order in which they came."""

    def __init__(self, size: int = _BUFFER) -> None:
        self._view = memoryview(bytearray(size))
        self._start = self._end = 0
        self._pdu_left = 0
        """Bytes of the current P-DATA PDU behind what was taken apart."""
        self._pdv_left: int | None = None
        """Bytes of the current value that have not been given out; None: between two values."""
        self._context_id = self._control = 0
        self._other: bytearray | None = None
        self._other_left = 0

    def room(self) -> memoryview:
        """Return where the next bytes go; whatever was given out before counts no more."""
        if self._start == self._end:
            self._start = self._end = 0
        elif self._start:
            rest = bytes(self._view[self._start : self._end])
            self._view[: len(rest)] = rest
            self._start, self._end = 0, len(rest)
        return self._view[self._end :]

    def filled(self, count: int) -> None:
        """Say how many bytes were written to the room."""
        self._end += count

    def next(self) -> Piece | OtherPdu | None:
        """Return what comes next; None when more bytes are needed.

        Raises:
            ProtocolError: Lengths that contradict one another, or are beyond reason.
        """
        while True:
            if self._other is not None:
                return self._rest_of_other(self._other)
            if self._pdv_left is not None:
                return self._piece(self._pdv_left)
            if not (self._begin_pdv() if self._pdu_left else self._begin_pdu()):
                return None

    def _begin_pdu(self) -> bool:
        start = self._start
        if self._end - start < _PDU_HEADER:
            return False
        kind, length = _read_pdu_header(self._view, start)
        self._start = start + _PDU_HEADER
        if kind != P_DATA:
            if length > _MAX_OTHER:
                raise ProtocolError(f"A PDU of type {kind} has {length} bytes.")
            self._other = bytearray(self._view[start : self._start])
            self._other_left = length
        elif not _PDV_HEADER <= length <= _MAX_PDU:
            raise ProtocolError(f"A P-DATA PDU has {length} bytes.")
        else:
            self._pdu_left = length
        return True

    def _begin_pdv(self) -> bool:
        if self._pdu_left < _PDV_HEADER:
            raise ProtocolError(f"{self._pdu_left} bytes of a PDU are no presentation data value.")
        if self._end - self._start < _PDV_HEADER:
            return False
        counted, self._context_id, self._control = _read_pdv_header(self._view, self._start)
        self._start += _PDV_HEADER
        self._pdu_left -= _PDV_HEADER
        length = counted - _COUNTED
        if not 0 <= length <= self._pdu_left:
            raise ProtocolError(f"A value of {length} bytes is in a PDU with {self._pdu_left}.")
        self._pdv_left = length
        return True

    def _piece(self, wanted: int) -> Piece | None:
        there = min(self._end - self._start, wanted)
        if wanted and not there:
            return None
        data = self._view[self._start : self._start + there]
        self._start += there
        self._pdu_left -= there
        self._pdv_left = wanted - there or None
        is_last = bool(self._control & _LAST) and self._pdv_left is None
        return Piece(self._context_id, bool(self._control & _COMMAND), is_last, data)

    def _rest_of_other(self, pdu: bytearray) -> OtherPdu | None:
        there = min(self._end - self._start, self._other_left)
        pdu += self._view[self._start : self._start + there]
        self._start += there
        self._other_left -= there
        if self._other_left:
            return None
        self._other = None
        return OtherPdu(bytes(pdu))


def as_pdu(context_id: int, *, is_command: bool, is_last: bool, data: bytes) -> bytes:
    """Write a P-DATA PDU with one presentation data value."""
    control = (_COMMAND if is_command else 0) | (_LAST if is_last else 0)
    item = (len(data) + _COUNTED).to_bytes(4, "big") + bytes((context_id, control)) + data
    return bytes((P_DATA, 0)) + len(item).to_bytes(4, "big") + item
