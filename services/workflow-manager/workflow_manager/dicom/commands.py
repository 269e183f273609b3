"""Command sets of C-STORE, and of the answers while a C-GET goes on (PS3.7 sections 6.3.1 and 9.3).

They are always implicit VR, little endian.
"""

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from workflow_manager.dicom.framing import ProtocolError

C_STORE_RQ = 0x0001
C_GET_RQ = 0x0010
C_CANCEL_RQ = 0x0FFF
_RESPONSE = 0x8000
_NO_DATA_SET, _DATA_SET = 0x0101, 0x0001
_PENDING = 0xFF00
_ELEMENT = struct.Struct("<HHI")
_HEADER, _read_element = _ELEMENT.size, _ELEMENT.unpack_from
_US = struct.Struct("<H")
_RESPONDED, _GROUP_LENGTH = struct.Struct("<HHIH"), struct.Struct("<HHII")
_COMMENT_LENGTH = 64  # LO (PS3.5 section 6.2)
# Group 0000 (PS3.7 annex E.1): element numbers.
_SOP_CLASS, _FIELD, _MESSAGE_ID, _RESPONDED_TO, _PRIORITY = 0x0002, 0x0100, 0x0110, 0x0120, 0x0700
_DATA_SET_TYPE, _STATUS, _COMMENT, _SOP_INSTANCE = 0x0800, 0x0900, 0x0902, 0x1000
_REMAINING, _COMPLETED, _FAILED, _WARNING = 0x1020, 0x1021, 0x1022, 0x1023
_ORIGINATOR_AE, _ORIGINATOR_ID = 0x1030, 0x1031
_MEDIUM = 0x0000


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """A C-STORE request, or any other command: then only the field counts."""

    field: int
    message_id: int = 0
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    has_data_set: bool = False
    move_originator: str = ""
    """AE title of who asked for it with a C-MOVE; empty: nobody."""

    @property
    def is_store(self) -> bool:
        """Say whether it is a C-STORE request."""
        return self.field == C_STORE_RQ

    @property
    def wants_answer(self) -> bool:
        """Say whether it is a request that is answered."""
        return not self.field & _RESPONSE and self.field != C_CANCEL_RQ


class Originator(NamedTuple):
    """Who asked with a C-MOVE for what is sent to somebody else."""

    ae_title: str
    message_id: int


class StoreResponse(NamedTuple):
    """The answer to a C-STORE request; also a C-CANCEL, which names a request the same way."""

    field: int
    responded_to: int
    status: int
    comment: str

    def answers(self, message_id: int) -> bool:
        """Say whether it is the answer to this C-STORE request."""
        return self.field == C_STORE_RQ | _RESPONSE and self.responded_to == message_id


class Counts(NamedTuple):
    """Sub-operations of a C-GET or C-MOVE (PS3.7 section 9.1.3.1)."""

    remaining: int
    completed: int
    failed: int
    warning: int


def read_command(data: bytes) -> StoreRequest:
    """Read a command set.

    Raises:
        ProtocolError: It is none.
    """
    elements = _elements(data)
    return StoreRequest(
        field=_number(elements, _FIELD),
        message_id=_number(elements, _MESSAGE_ID, default=0),
        sop_class_uid=_text(elements, _SOP_CLASS),
        sop_instance_uid=_text(elements, _SOP_INSTANCE),
        has_data_set=_number(elements, _DATA_SET_TYPE, default=_NO_DATA_SET) != _NO_DATA_SET,
        move_originator=_text(elements, _ORIGINATOR_AE),
    )


def read_response(data: bytes) -> StoreResponse:
    """Read the command set of an answer.

    Raises:
        ProtocolError: It is none.
    """
    elements = _elements(data)
    return StoreResponse(
        field=_number(elements, _FIELD),
        responded_to=_number(elements, _RESPONDED_TO, default=0),
        status=_number(elements, _STATUS, default=0),
        comment=_text(elements, _COMMENT),
    )


def _elements(data: bytes) -> dict[int, bytes]:
    elements: dict[int, bytes] = {}
    place, end = 0, len(data)
    while place < end:
        if place + _HEADER > end:
            raise ProtocolError("A command set ends within an element.")
        group, element, length = _read_element(data, place)
        begin = place + _HEADER
        place = begin + length
        if place > end:
            raise ProtocolError("A command set ends within a value.")
        if group == 0:
            elements[element] = data[begin:place]
    return elements


def _number(elements: dict[int, bytes], element: int, default: int | None = None) -> int:
    value = elements.get(element, b"")
    if len(value) == _US.size:
        return int(_US.unpack(value)[0])
    if default is None:
        raise ProtocolError(f"A command set lacks (0000,{element:04X}).")
    return default


def _text(elements: dict[int, bytes], element: int) -> str:
    return elements.get(element, b"").decode("ascii", "replace").strip("\x00 ")


def store_response(request: StoreRequest, status: int, comment: str = "") -> bytes:
    """Write the answer to a C-STORE request (PS3.7 section 9.3.1.2)."""
    before, behind = _around_answer(request.sop_class_uid, status, comment)
    responded_to = _RESPONDED.pack(0, _RESPONDED_TO, _US.size, request.message_id)
    body = before + responded_to + behind + _element(_SOP_INSTANCE, _uid(request.sop_instance_uid))
    return _GROUP_LENGTH.pack(0, 0, 4, len(body)) + body


@lru_cache(maxsize=256)
def _around_answer(sop_class_uid: str, status: int, comment: str) -> tuple[bytes, bytes]:
    """Return what stands around the message ID in answers; most of them have it alike."""
    text = comment.encode("ascii", "replace").decode()[:_COMMENT_LENGTH]
    before = _element(_SOP_CLASS, _uid(sop_class_uid)) + _element(
        _FIELD, _US.pack(C_STORE_RQ | _RESPONSE)
    )
    behind = _element(_DATA_SET_TYPE, _US.pack(_NO_DATA_SET)) + _element(_STATUS, _US.pack(status))
    if text:
        behind += _element(_COMMENT, _padded(text, b" "))
    return before, behind


def store_request(
    message_id: int, sop_class_uid: str, sop_instance_uid: str, originator: Originator | None
) -> bytes:
    """Write a C-STORE request with a data set (PS3.7 section 9.3.1.1)."""
    body = _element(_SOP_CLASS, _uid(sop_class_uid)) + _words(
        {_FIELD: C_STORE_RQ, _MESSAGE_ID: message_id, _PRIORITY: _MEDIUM, _DATA_SET_TYPE: _DATA_SET}
    )
    body += _element(_SOP_INSTANCE, _uid(sop_instance_uid))
    if originator is not None:
        body += _element(_ORIGINATOR_AE, _padded(originator.ae_title, b" "))
        body += _words({_ORIGINATOR_ID: originator.message_id})
    return _GROUP_LENGTH.pack(0, 0, 4, len(body)) + body


def pending_get_response(message_id: int, sop_class_uid: str, counts: Counts) -> bytes:
    """Write how far a C-GET is (PS3.7 section 9.3.3.2)."""
    body = _element(_SOP_CLASS, _uid(sop_class_uid)) + _words(
        {
            _FIELD: C_GET_RQ | _RESPONSE,
            _RESPONDED_TO: message_id,
            _DATA_SET_TYPE: _NO_DATA_SET,
            _STATUS: _PENDING,
            _REMAINING: counts.remaining,
            _COMPLETED: counts.completed,
            _FAILED: counts.failed,
            _WARNING: counts.warning,
        }
    )
    return _GROUP_LENGTH.pack(0, 0, 4, len(body)) + body


def _words(elements: dict[int, int]) -> bytes:
    return b"".join(_element(number, _US.pack(value)) for number, value in elements.items())


def _element(number: int, value: bytes) -> bytes:
    return _ELEMENT.pack(0, number, len(value)) + value


def _uid(text: str) -> bytes:
    return _padded(text, b"\x00")


def _padded(text: str, padding: bytes) -> bytes:
    value = text.encode("ascii", "replace")
    return value + padding * (len(value) % 2)
