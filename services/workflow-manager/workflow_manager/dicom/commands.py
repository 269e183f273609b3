"""Command sets of C-STORE (PS3.7 sections 6.3.1 and 9.3.1): always implicit VR, little endian."""

import struct
from dataclasses import dataclass

from workflow_manager.dicom.framing import ProtocolError

C_STORE_RQ = 0x0001
C_CANCEL_RQ = 0x0FFF
_RESPONSE = 0x8000
_NO_DATA_SET = 0x0101
_ELEMENT = struct.Struct("<HHI")
_US = struct.Struct("<H")
_COMMENT_LENGTH = 64  # LO (PS3.5 section 6.2)
# Group 0000 (PS3.7 annex E.1): element numbers.
_SOP_CLASS, _FIELD, _MESSAGE_ID, _RESPONDED_TO = 0x0002, 0x0100, 0x0110, 0x0120
_DATA_SET_TYPE, _STATUS, _COMMENT, _SOP_INSTANCE = 0x0800, 0x0900, 0x0902, 0x1000
_ORIGINATOR_AE = 0x1030


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


def read_command(data: bytes) -> StoreRequest:
    """Read a command set.

    Raises:
        ProtocolError: It is none.
    """
    elements: dict[int, bytes] = {}
    place = 0
    while place < len(data):
        if place + _ELEMENT.size > len(data):
            raise ProtocolError("A command set ends within an element.")
        group, element, length = _ELEMENT.unpack_from(data, place)
        place += _ELEMENT.size
        if length > len(data) - place:
            raise ProtocolError("A command set ends within a value.")
        if group == 0:
            elements[element] = data[place : place + length]
        place += length
    return StoreRequest(
        field=_number(elements, _FIELD),
        message_id=_number(elements, _MESSAGE_ID, default=0),
        sop_class_uid=_text(elements, _SOP_CLASS),
        sop_instance_uid=_text(elements, _SOP_INSTANCE),
        has_data_set=_number(elements, _DATA_SET_TYPE, default=_NO_DATA_SET) != _NO_DATA_SET,
        move_originator=_text(elements, _ORIGINATOR_AE),
    )


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
    text = comment.encode("ascii", "replace").decode()[:_COMMENT_LENGTH]
    elements = [
        (_SOP_CLASS, _padded(request.sop_class_uid, b"\x00")),
        (_FIELD, _US.pack(C_STORE_RQ | _RESPONSE)),
        (_RESPONDED_TO, _US.pack(request.message_id)),
        (_DATA_SET_TYPE, _US.pack(_NO_DATA_SET)),
        (_STATUS, _US.pack(status)),
        *([(_COMMENT, _padded(text, b" "))] if text else []),
        (_SOP_INSTANCE, _padded(request.sop_instance_uid, b"\x00")),
    ]
    body = b"".join(_ELEMENT.pack(0, number, len(value)) + value for number, value in elements)
    return _ELEMENT.pack(0, 0, 4) + struct.pack("<I", len(body)) + body


def _padded(text: str, padding: bytes) -> bytes:
    value = text.encode("ascii", "replace")
    return value + padding * (len(value) % 2)
