"""A sender of pre-encoded images, as fast as a receiver takes them: a process an association."""

import hashlib
import multiprocessing
import socket
import struct
import time
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


@dataclass(frozen=True, slots=True)
class Sent:
    """What one association sent, and when."""

    began: float
    ended: float
    checksums: list[str]
    refused: int


def image(series: int, number: int) -> Dataset:
    """An MR image with a UID of its own."""
    dataset = Dataset()
    prefix = _PLACE.rsplit(".", 2)[0]
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = f"{prefix}.{100000000 + series}.{100000 + number}"
    dataset.StudyInstanceUID = f"{prefix}.1"
    dataset.SeriesInstanceUID = f"{prefix}.1.{100000000 + series}"
    dataset.Modality, dataset.PatientID, dataset.PatientName = "MR", "BENCH", "Bench^Mark"
    dataset.StudyDate, dataset.SeriesNumber, dataset.InstanceNumber = "20260102", 1, number
    dataset.SeriesDescription, dataset.ProtocolName = "T2", "T2 TSE"
    dataset.Rows = dataset.Columns = EDGE
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    pixels = np.random.default_rng(number).integers(0, 4096, EDGE * EDGE, dtype="<u2")
    dataset.add_new("PixelData", "OW", pixels.tobytes())
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = MRImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def data_set_of(content: bytes) -> bytes:
    """The data set of a file, behind its file meta information."""
    return content[144 + int.from_bytes(content[140:144], "little") :]


def send_at_once(port: int, ae_title: str, series: list[int], count: int) -> list[Sent]:
    """Send a series over each of several associations that begin together."""
    context = multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(len(series)), context.Queue()
    workers = [
        context.Process(
            target=_send,
            args=(port, ae_title, one, count),
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


def _send(port: int, ae_title: str, series: int, count: int, *, barrier: Any, queue: Any) -> None:
    messages, checksums = [], []
    for number in range(count):
        uid, data = _encoded(series, number)
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


def _encoded(series: int, number: int) -> tuple[str, bytes]:
    buffer = BytesIO()
    dataset = image(series, number)
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return str(dataset.SOPInstanceUID), data_set_of(buffer.getvalue())


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
