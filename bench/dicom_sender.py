"""A sender of pre-encoded images, as fast as a receiver takes them: a process an association."""

import hashlib
import multiprocessing
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import build_context
from pynetdicom.pdu import A_ASSOCIATE_RQ, A_RELEASE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)

EDGE = 266
"""Rows and columns of an image: 142 KB."""
_PDU = 131_072
_PLACE = "1.2.826.0.1.3680043.8.498.000000000.000000"
_CONTEXT = 1
_FIRST = 100_000
"""Number of a series' first image: all have as many digits."""
_INSTANCE_NUMBER = b"\x20\x00\x13\x00IS\x06\x00"
_SENDERS = multiprocessing.get_context("forkserver")
"""Senders are forked from one process that has imported all: a start takes no seconds."""
_SENDERS.set_forkserver_preload(["__main__", __name__])


@dataclass(frozen=True, slots=True)
class Sent:
    """What one association sent, and when."""

    began: float
    ended: float
    checksums: list[str]
    refused: int


def image(series: int, number: int, edge: int = EDGE) -> Dataset:
    """An MR image with a UID of its own."""
    dataset = Dataset()
    prefix = _PLACE.rsplit(".", 2)[0]
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = f"{prefix}.{100000000 + series}.{_FIRST + number}"
    dataset.StudyInstanceUID = f"{prefix}.1"
    dataset.SeriesInstanceUID = f"{prefix}.1.{100000000 + series}"
    dataset.Modality, dataset.PatientID, dataset.PatientName = "MR", "BENCH", "Bench^Mark"
    dataset.StudyDate, dataset.SeriesNumber, dataset.InstanceNumber = "20260102", 1, number
    dataset.SeriesDescription, dataset.ProtocolName = "T2", "T2 TSE"
    dataset.Rows = dataset.Columns = edge
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    pixels = np.random.default_rng(number).integers(0, 4096, edge * edge, dtype="<u2")
    dataset.add_new("PixelData", "OW", pixels.tobytes())
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = MRImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def data_set_of(content: bytes) -> bytes:
    """The data set of a file, behind its file meta information."""
    return content[144 + int.from_bytes(content[140:144], "little") :]


def send_at_once(
    port: int, ae_title: str, series: list[int], count: int, edge: int = EDGE
) -> list[Sent]:
    """Send a series over each of several associations that begin together."""
    barrier, queue = _SENDERS.Barrier(len(series)), _SENDERS.Queue()
    workers = [
        _SENDERS.Process(
            target=_send,
            args=(port, ae_title, one, count, edge),
            kwargs={"barrier": barrier, "queue": queue},
        )
        for one in series
    ]
    for worker in workers:
        worker.start()
    sent = [queue.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join()
    return sent


def _send(
    port: int, ae_title: str, series: int, count: int, edge: int, *, barrier: Any, queue: Any
) -> None:
    messages, checksums = [], []
    for uid, data in _images(series, count, edge):
        messages.append(_message(uid, data))
        checksums.append(hashlib.sha256(data).hexdigest())
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(_request(ae_title))
        if _read_pdu(connection)[0] != 2:  # noqa: PLR2004 - A-ASSOCIATE-AC
            raise ConnectionError("the association was not accepted")
        barrier.wait(60)
        began, refused = time.perf_counter(), 0
        for message in messages:
            connection.sendall(message)
            refused += not _is_success(_read_pdu(connection))
        ended = time.perf_counter()
        connection.sendall(A_RELEASE_RQ().encode())
        _read_pdu(connection)
    queue.put(Sent(began, ended, checksums, refused))


def _images(series: int, count: int, edge: int) -> Iterator[tuple[str, bytes]]:
    """Give UID and data set of each image: one is encoded, the others say what is theirs.

    Of the pixels no place holds the same in two images, so that a mix of two is no copy of one.
    """
    buffer = BytesIO()
    dataset = image(series, _FIRST, edge)
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    data, uid = data_set_of(buffer.getvalue()), str(dataset.SOPInstanceUID)
    number_at = data.index(_INSTANCE_NUMBER) + len(_INSTANCE_NUMBER)
    last_of_uid = data.index(uid.encode()) + len(uid)
    pixels_at = len(data) - len(dataset.PixelData)
    pool = np.random.default_rng(series).bytes(len(dataset.PixelData) + count)
    for number in range(_FIRST, _FIRST + count):
        made, digits = bytearray(data), b"%d" % number
        made[last_of_uid - len(digits) : last_of_uid] = digits
        made[number_at : number_at + len(digits)] = digits
        made[pixels_at:] = pool[number - _FIRST :][: len(data) - pixels_at]
        yield uid[: -len(digits)] + digits.decode(), bytes(made)


def _message(uid: str, data: bytes) -> bytes:
    def element(number: int, value: bytes) -> bytes:
        return struct.pack("<HHI", 0, number, len(value)) + value

    def text(value: str) -> bytes:
        return value.encode() + b"\x00" * (len(value) % 2)

    body = b"".join(
        (
            element(0x0002, text(MRImageStorage)),
            element(0x0100, b"\x01\x00"),
            element(0x0110, b"\x01\x00"),
            element(0x0700, b"\x00\x00"),
            element(0x0800, b"\x00\x00"),
            element(0x1000, text(uid)),
        )
    )
    message = [_pdu(element(0, struct.pack("<I", len(body))) + body, 3)]
    step = _PDU - 6
    message += [
        _pdu(data[place : place + step], 2 if place + step >= len(data) else 0)
        for place in range(0, len(data), step)
    ]
    return b"".join(message)


def _pdu(data: bytes, control: int) -> bytes:
    return struct.pack(">BxIIBB", 4, len(data) + 6, len(data) + 2, _CONTEXT, control) + data


def _is_success(answer: bytes) -> bool:
    place = answer.index(struct.pack("<HHI", 0, 0x0900, 2))
    return answer[place + 8 : place + 10] == b"\x00\x00"


def _read_pdu(connection: socket.socket) -> bytes:
    header = _read(connection, 6)
    return header + _read(connection, int.from_bytes(header[2:], "big"))


def _read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("the receiver has closed the connection")
        data += part
    return data


def _request(ae_title: str) -> bytes:
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = "BENCH", ae_title
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16_384
    implementation.implementation_class_uid = "2.25.1"
    request.user_information = [length, implementation]
    context = build_context(MRImageStorage, [ExplicitVRLittleEndian])
    context.context_id = _CONTEXT
    request.presentation_context_definition_list = [context]
    message = A_ASSOCIATE_RQ()
    message.from_primitive(request)
    encoded: bytes = message.encode()
    return encoded
