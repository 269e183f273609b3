"""Readouts as the binary packet of the wire contract, planned before and streamed in pieces.

Little endian. Header: u32 magic, u16 version, u16 count. Each readout: u32 id, u16 coils, u16 type
(1: two float32 a sample), u32 samples of a coil, u32 bytes, then the samples, coil after coil.
Version 1 has one coil a readout; version 2 is the same layout with all coils.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from exam_manager.results.mrd import BYTES_PER_SAMPLE
from exam_manager.results.mrd_reader import MRDFile
from exam_manager.results.readout_ids import expand_ids, parse_ids
from scanhub_libraries.errors import BadRequestError, PayloadTooLargeError, UnprocessableError

MAGIC = 0x49534D52
FC32 = 1
MOST_BYTES = 256 * 2**20
_HEADER = struct.Struct("<IHH")
_READOUT = struct.Struct("<IHHII")
_PIECE_BYTES = 4 * 2**20
_PIECE_READOUTS = 2048
Coil = int | Literal["all"]


@dataclass(frozen=True, slots=True)
class PacketPlan:
    """A packet whose every size is known and checked."""

    file: MRDFile
    ids: NDArray[np.int64]
    heads: NDArray[np.void]
    coil: Coil
    stride: int
    size: int
    """Bytes of the whole packet."""

    @property
    def header(self) -> bytes:
        """The first bytes."""
        version = 2 if self.coil == "all" else 1
        return _HEADER.pack(MAGIC, version, len(self.ids))

    def pieces(self) -> Iterator[bytes]:
        """Yield the packet after its header, a few MiB at a time."""
        for first, last in batches(stored_bytes(self.heads)):
            ids, heads = self.ids[first:last], self.heads[first:last]
            samples = self.file.samples(ids, heads)
            yield b"".join(
                part
                for number, data in zip(ids, samples, strict=True)
                for part in self._readout(int(number), data)
            )

    def check(self) -> None:
        """Read everything once, so that nothing can fail after the answer has begun."""
        for first, last in batches(stored_bytes(self.heads)):
            self.file.samples(self.ids[first:last], self.heads[first:last])

    def _readout(self, number: int, data: NDArray[Any]) -> tuple[bytes, bytes]:
        chosen = data if self.coil == "all" else data[self.coil : self.coil + 1]
        payload = np.ascontiguousarray(chosen[:, :: self.stride]).tobytes()
        coils, count = chosen.shape[0], len(range(0, chosen.shape[1], self.stride))
        return _READOUT.pack(number, coils, FC32, count, len(payload)), payload


def plan_packet(file: MRDFile, ids: str, coil: Coil, stride: int) -> PacketPlan:
    """Return a packet that can be made; nothing is read but headers.

    Raises:
        BadRequestError: A readout or coil does not exist, or there are too many.
        PayloadTooLargeError: The packet would be too large.
        UnprocessableError: A readout has no samples.
    """
    numbers = expand_ids(parse_ids(ids), file.count())
    heads = file.heads_of(numbers)
    _check_coils(numbers, heads, coil)
    counts = -(-heads["number_of_samples"].astype(np.int64) // stride)
    coils = heads["active_channels"].astype(np.int64) if coil == "all" else 1
    size = _HEADER.size + int((_READOUT.size + counts * coils * BYTES_PER_SAMPLE).sum())
    if size > MOST_BYTES:
        raise PayloadTooLargeError(
            f"That is {size / 2**20:.0f} MiB; one answer has {MOST_BYTES // 2**20} at most. "
            "Ask for fewer readouts (ids), one coil, or a larger stride.",
            field="ids",
        )
    return PacketPlan(file, numbers, heads, coil, stride, size)


def _check_coils(ids: NDArray[np.int64], heads: NDArray[np.void], coil: Coil) -> None:
    empty = (heads["number_of_samples"] == 0) | (heads["active_channels"] == 0)
    if empty.any():
        raise UnprocessableError(
            f"Readout {int(ids[int(np.argmax(empty))])} has no samples: leave it out of ids.",
            field="ids",
        )
    if coil == "all":
        return
    lacking = heads["active_channels"] <= coil
    if lacking.any():
        place = int(np.argmax(lacking))
        raise BadRequestError(
            f"coil_idx: readout {int(ids[place])} has {int(heads['active_channels'][place])} "
            f"coils, counted from 0; there is no coil {coil}.",
            field="coil_idx",
        )


def stored_bytes(heads: NDArray[np.void]) -> NDArray[np.int64]:
    """Return how many bytes of samples each readout has in the file.

    Raises:
        PayloadTooLargeError: One of them alone would fill the memory.
    """
    samples = heads["number_of_samples"].astype(np.int64)
    stored: NDArray[np.int64] = samples * heads["active_channels"] * BYTES_PER_SAMPLE
    most = int(stored.max(initial=0))
    if most > MOST_BYTES:
        raise PayloadTooLargeError(
            f"A readout states {_size(most)} of samples; {_size(MOST_BYTES)} at most are read. "
            "Download the file instead."
        )
    return stored


def _size(count: int) -> str:
    return f"{count / 2**30:.0f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def batches(stored: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield runs of readouts of which few MiB have to be read, at least one readout each."""
    pieces = np.cumsum(stored) // _PIECE_BYTES
    cuts = {*(np.flatnonzero(np.diff(pieces)) + 1), *range(0, len(stored), _PIECE_READOUTS)}
    yield from pairwise(sorted({int(cut) for cut in cuts} | {0, len(stored)}))
