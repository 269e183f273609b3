"""PDUs of a data set, in one buffer (PS3.8 section 9.3.5). No sockets here.

The headers stand in it already; what is read from a file goes between them, and all of it leaves
with one call.
"""

from struct import Struct

from workflow_manager.dicom.framing import P_DATA

LARGEST_PDU = 131_072
"""What of a longer maximum length of a peer is used, and where it names none [byte]."""
_BUFFER = 2**20
_MOST_SLOTS = 256
_HEADER = Struct(">BxIIBB")  # PDU type, its length; length of the value, context id, control
_COUNTED, _PDV_LENGTH = 2, 4
_LAST = 0x02
_FRONT = 2048
"""Room for the command that goes before the first PDU [byte]."""
_SHORTEST_PDU = 64


class Packets:
    """The buffer of one association.

    Args:
        max_pdu: Maximum length that the peer takes (PS3.8 annex D.1) [byte]; 0: any.
    """

    def __init__(self, max_pdu: int) -> None:
        longest = min(max_pdu or LARGEST_PDU, LARGEST_PDU)
        self.payload = max(longest, _SHORTEST_PDU) - _COUNTED - _PDV_LENGTH & ~1
        """Bytes of data in a PDU: an even number (PS3.8 annex E.1)."""
        self._stride = _HEADER.size + self.payload
        slots = max(1, min(_MOST_SLOTS, _BUFFER // self._stride))
        self._buffer = memoryview(bytearray(_FRONT + slots * self._stride))
        self._slots = [
            self._buffer[_FRONT + n * self._stride + _HEADER.size :][: self.payload]
            for n in range(slots)
        ]
        self._context_id = 0
        self._ended_at = -1
        """The PDU whose header says that it is the last or shorter; -1: none."""

    @property
    def most(self) -> int:
        """How many bytes of data go into the buffer."""
        return len(self._slots) * self.payload

    def room(self, context_id: int, size: int) -> list[memoryview]:
        """Return where so many bytes of data go, at most `most`."""
        if context_id != self._context_id:
            self._context_id, self._ended_at = context_id, -1
            for number in range(len(self._slots)):
                self._write_header(number, self.payload, is_last=False)
        elif self._ended_at >= 0:
            self._write_header(self._ended_at, self.payload, is_last=False)
            self._ended_at = -1
        whole, rest = divmod(size, self.payload)
        views = self._slots[:whole]
        return [*views, self._slots[whole][:rest]] if rest else views

    def packed(self, size: int, *, is_last: bool, before: bytes = b"") -> memoryview:
        """Return what to send, the room being filled.

        Args:
            size: How many bytes of data are in it.
            is_last: The data set ends with them.
            before: What goes before them.
        """
        last, rest = divmod(size - 1, self.payload)
        length = rest + 1
        if is_last or length < self.payload:
            self._write_header(last, length, is_last=is_last)
            self._ended_at = last
        begin = _FRONT - len(before)
        self._buffer[begin:_FRONT] = before
        return self._buffer[begin : _FRONT + last * self._stride + _HEADER.size + length]

    def _write_header(self, number: int, length: int, *, is_last: bool) -> None:
        _HEADER.pack_into(
            self._buffer,
            _FRONT + number * self._stride,
            P_DATA,
            length + _COUNTED + _PDV_LENGTH,
            length + _COUNTED,
            self._context_id,
            _LAST if is_last else 0,
        )
