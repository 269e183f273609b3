"""A DICOM sender that can send anything, well-formed or not, in any segments."""

import socket
import struct
from collections.abc import Iterable, Sequence
from io import BytesIO

from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import build_context
from pynetdicom.dimse_messages import C_ECHO_RQ, C_STORE_RQ
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_RQ, A_RELEASE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, MaximumLengthNotification
from pynetdicom.pdu_primitives import ImplementationClassUIDNotification as ClassUid

VERIFICATION = "1.2.840.10008.1.1"
RELEASE = A_RELEASE_RQ().encode()
ECHO_CONTEXT, STORE_CONTEXT = 1, 3


def pdv(data: bytes, *, context: int = STORE_CONTEXT, command: bool, last: bool) -> bytes:
    """A presentation data value item."""
    control = (1 if command else 0) | (2 if last else 0)
    return struct.pack(">IBB", len(data) + 2, context, control) + data


def pdu(*items: bytes) -> bytes:
    """A P-DATA PDU."""
    return struct.pack(">BxI", 4, sum(map(len, items))) + b"".join(items)


def abort() -> bytes:
    message = A_ABORT_RQ()
    message.source, message.reason_diagnostic = 0, 0
    return message.encode()


def command(message: object, primitive: object, context: int) -> bytes:
    message.primitive_to_message(primitive)  # type: ignore[attr-defined]
    (first, *_rest) = message.encode_msg(context, 1 << 20)  # type: ignore[attr-defined]
    return first.presentation_data_value_list[0][1][1:]


def store_command(
    sop_instance_uid: str, *, message_id: int = 1, sop_class_uid: str = MRImageStorage
) -> bytes:
    """The command set of a C-STORE request."""
    request = C_STORE()
    request.MessageID, request.Priority = message_id, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = sop_class_uid, sop_instance_uid
    request.DataSet = BytesIO(b"\x00\x00")
    return command(C_STORE_RQ(), request, STORE_CONTEXT)


def echo_command(message_id: int = 1) -> bytes:
    request = C_ECHO()
    request.MessageID, request.AffectedSOPClassUID = message_id, VERIFICATION
    return command(C_ECHO_RQ(), request, ECHO_CONTEXT)


def chunks(data: bytes, sizes: Iterable[int]) -> Iterable[bytes]:
    """Cut data into pieces; the last size is repeated."""
    size, place, left = 1, 0, iter(sizes)
    while place < len(data):
        size = next(left, size)
        yield data[place : place + size]
        place += size


def store(sop_instance_uid: str, data: bytes, *, fragment: int = 16_000, **changes: int) -> bytes:
    """A C-STORE request as an ordinary sender writes it."""
    parts = list(chunks(data, [fragment]))
    message = [pdu(pdv(store_command(sop_instance_uid, **changes), command=True, last=True))]
    for number, part in enumerate(parts, start=1):
        message.append(pdu(pdv(part, command=False, last=number == len(parts))))
    return b"".join(message)


class RawSender:
    """One association."""

    def __init__(
        self,
        port: int,
        *,
        syntaxes: Sequence[str] = (ExplicitVRLittleEndian,),
        sop_class: str = MRImageStorage,
        called: str = "SCANHUB",
        calling: str = "SCANNER",
        connection: socket.socket | None = None,
    ) -> None:
        self.socket = connection or socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(_request(syntaxes, sop_class, called, calling))
        self.answer = self.read_pdu()

    @property
    def is_accepted(self) -> bool:
        return self.answer[:1] == b"\x02"

    @property
    def rejection(self) -> tuple[int, int, int] | None:
        """Result, source, diagnostic."""
        if self.answer[:1] != b"\x03":
            return None
        return self.answer[7], self.answer[8], self.answer[9]

    def send(self, data: bytes, sizes: Iterable[int] = (1 << 20,)) -> None:
        for part in chunks(data, sizes):
            self.socket.sendall(part)

    def read_pdu(self) -> bytes:
        """The next PDU; empty when the connection was closed."""
        header = self._read(6)
        if len(header) < 6:
            return b""
        return header + self._read(int.from_bytes(header[2:], "big"))

    def status(self) -> tuple[int, int]:
        """Message id and status of the next answer."""
        answer = self.read_pdu()
        assert answer[:1] == b"\x04", answer
        elements, place = {}, 12
        while place < len(answer):
            _, element, length = struct.unpack_from("<HHI", answer, place)
            elements[element] = answer[place + 8 : place + 8 + length]
            place += 8 + length
        number = struct.Struct("<H")
        return number.unpack(elements[0x0120])[0], number.unpack(elements[0x0900])[0]

    def release(self) -> None:
        self.socket.sendall(RELEASE)
        assert self.read_pdu()[:1] == b"\x06"
        self.close()

    def close(self) -> None:
        self.socket.close()

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                part = self.socket.recv(count - len(data))
            except ConnectionResetError:
                return data
            if not part:
                return data
            data += part
        return data


def _request(syntaxes: Sequence[str], sop_class: str, called: str, calling: str) -> bytes:
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = calling, called
    length, implementation = MaximumLengthNotification(), ClassUid()
    length.maximum_length_received = 16_384
    implementation.implementation_class_uid = "2.25.1"
    request.user_information = [length, implementation]
    contexts = [build_context(VERIFICATION), build_context(sop_class, list(syntaxes))]
    for context, number in zip(contexts, (ECHO_CONTEXT, STORE_CONTEXT), strict=True):
        context.context_id = number
    request.presentation_context_definition_list = contexts
    message = A_ASSOCIATE_RQ()
    message.from_primitive(request)
    return message.encode()
