"""Read a session of the MRD streaming protocol from bytes as they come.

Each message is its number (uint16, little endian) and what follows from it. What comes is judged
before memory is taken for it: a stream may hold anything.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scanhub_jobs.errors import JobInputError
from scanhub_jobs.mrd_header import Header
from scanhub_jobs.raw_data import readout_samples


class MessageNumber(IntEnum):
    """The messages that a scanner may send."""

    CONFIG_FILE = 1
    CONFIG_TEXT = 2
    HEADER = 3
    CLOSE = 4
    TEXT = 5
    ACQUISITION = 1008
    WAVEFORM = 1026


READOUT_HEAD: Final = np.dtype(
    [
        ("version", "<u2"),
        ("flags", "<u8"),
        ("measurement_uid", "<u4"),
        ("scan_counter", "<u4"),
        ("acquisition_time_stamp", "<u4"),
        ("physiology_time_stamp", "<u4", 3),
        ("number_of_samples", "<u2"),
        ("available_channels", "<u2"),
        ("active_channels", "<u2"),
        ("channel_mask", "<u8", 16),
        ("discard_pre", "<u2"),
        ("discard_post", "<u2"),
        ("center_sample", "<u2"),
        ("encoding_space_ref", "<u2"),
        ("trajectory_dimensions", "<u2"),
        ("sample_time_us", "<f4"),
        ("position", "<f4", 3),
        ("read_dir", "<f4", 3),
        ("phase_dir", "<f4", 3),
        ("slice_dir", "<f4", 3),
        ("patient_table_position", "<f4", 3),
        (
            "idx",
            [
                ("kspace_encode_step_1", "<u2"),
                ("kspace_encode_step_2", "<u2"),
                ("average", "<u2"),
                ("slice", "<u2"),
                ("contrast", "<u2"),
                ("phase", "<u2"),
                ("repetition", "<u2"),
                ("set", "<u2"),
                ("segment", "<u2"),
                ("user", "<u2", 8),
            ],
        ),
        ("user_int", "<i4", 8),
        ("user_float", "<f4", 8),
    ]
)
"""The acquisition header of ISMRMRD 1, 340 bytes."""
_ID, _LENGTH = struct.Struct("<H"), struct.Struct("<I")


def readout_bytes(
    head: Any, trajectory: NDArray[np.float32], samples: NDArray[np.float32]
) -> bytes:
    """Return a readout of a file as what follows from ACQUISITION (1008).

    Args:
        head: As in an ISMRMRD file; what it lacks of `READOUT_HEAD` is 0.
        trajectory: Flat, as in the file.
        samples: Real and imaginary parts by turns, coil by coil.
    """
    made = np.zeros((), READOUT_HEAD)
    for name in READOUT_HEAD.names or ():
        if name in head.dtype.names and name != "idx":
            made[name] = head[name]
    for name in made["idx"].dtype.names or ():
        if name in head["idx"].dtype.names:
            made["idx"][name] = head["idx"][name]
    return made.tobytes() + trajectory.tobytes() + samples.tobytes()


_WAVEFORM_HEAD = struct.Struct("<H6xQIIIHHf4x")  # 40 bytes; samples and channels are the 6th, 7th
_CONFIG_FILE_BYTES = 1024
_MAX_TEXT_BYTES = 16 << 20
_MAX_READOUT_BYTES = 256 << 20
_SAMPLE_BYTES, _COORDINATE_BYTES = 8, 4


@dataclass(frozen=True)
class StreamedReadout:
    """A readout as it came."""

    head: NDArray[Any]
    """One element of `READOUT_HEAD`."""
    samples: NDArray[np.complex64]
    """[coil, sample], in the order of increasing k-space."""


class MrdStream:
    """Makes header and readouts of bytes that come in pieces of any size.

    Attributes:
        header: What the stream states of the measurement; None: it has not come yet.
        closed: The session has ended as it should.
    """

    def __init__(self) -> None:
        self.header: Header | None = None
        self.closed = False
        self._buffer = bytearray()
        self._count = 0

    def feed(self, data: bytes) -> Iterator[StreamedReadout]:
        """Take what has come; yield the readouts that are whole now.

        Raises:
            JobInputError: It is no such session.
        """
        self._buffer += data
        place = 0
        try:
            while not self.closed and (size := self._message_size(place)) is not None:
                readout = self._take(place, size)
                place += size
                if readout is not None:
                    yield readout
        finally:
            del self._buffer[:place]

    def _message_size(self, place: int) -> int | None:
        """Return the size of the message that begins there; None: it is not whole yet."""
        buffer, body = self._buffer, place + _ID.size
        have = len(buffer) - body
        if have < 0:
            return None
        (number,) = _ID.unpack_from(buffer, place)
        match number:
            case MessageNumber.CLOSE:
                size: int | None = 0
            case MessageNumber.CONFIG_FILE:
                size = _CONFIG_FILE_BYTES
            case MessageNumber.CONFIG_TEXT | MessageNumber.HEADER | MessageNumber.TEXT:
                size = self._text_size(body, have)
            case MessageNumber.ACQUISITION:
                size = self._readout_size(body, have)
            case MessageNumber.WAVEFORM:
                size = self._waveform_size(body, have)
            case _:
                raise JobInputError(
                    f"The stream is no session of the MRD protocol: message {number} behind "
                    f"{self._count} readouts."
                )
        return None if size is None or have < size else _ID.size + size

    def _text_size(self, body: int, have: int) -> int | None:
        if have < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer, body)
        if length > _MAX_TEXT_BYTES:
            raise JobInputError(f"The stream announces a text of {length} bytes.")
        return _LENGTH.size + int(length)

    def _readout_size(self, body: int, have: int) -> int | None:
        if have < READOUT_HEAD.itemsize:
            return None
        head = self._head(body)
        samples, coils = int(head["number_of_samples"]), int(head["active_channels"])
        size = READOUT_HEAD.itemsize + samples * (
            coils * _SAMPLE_BYTES + int(head["trajectory_dimensions"]) * _COORDINATE_BYTES
        )
        if size > _MAX_READOUT_BYTES:
            raise JobInputError(
                f"The stream announces a readout of {coils} coils with {samples} samples."
            )
        return size

    def _waveform_size(self, body: int, have: int) -> int | None:
        if have < _WAVEFORM_HEAD.size:
            return None
        fields = _WAVEFORM_HEAD.unpack_from(self._buffer, body)
        return _WAVEFORM_HEAD.size + int(fields[5]) * int(fields[6]) * 4

    def _head(self, body: int) -> Any:
        raw = bytes(self._buffer[body : body + READOUT_HEAD.itemsize])
        return np.frombuffer(raw, READOUT_HEAD)[0]

    def _take(self, place: int, size: int) -> StreamedReadout | None:
        body = place + _ID.size
        (number,) = _ID.unpack_from(self._buffer, place)
        if number == MessageNumber.CLOSE:
            self.closed = True
        elif number == MessageNumber.HEADER:
            text = bytes(self._buffer[body + _LENGTH.size : place + size])
            self.header = Header.parse(text.rstrip(b"\x00"))
        elif number == MessageNumber.ACQUISITION:
            return self._readout(body, place + size)
        return None

    def _readout(self, body: int, end: int) -> StreamedReadout:
        if self.header is None:
            raise JobInputError("The stream sends readouts before its header.")
        head = self._head(body)
        self._count += 1
        coordinates = int(head["number_of_samples"]) * int(head["trajectory_dimensions"])
        begin = body + READOUT_HEAD.itemsize + coordinates * _COORDINATE_BYTES
        flat = np.frombuffer(bytes(self._buffer[begin:end]), np.float32)
        return StreamedReadout(head, readout_samples(head, flat, self._count - 1))
