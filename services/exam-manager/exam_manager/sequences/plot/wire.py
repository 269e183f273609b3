"""How a plot goes over the wire: compact JSON, or a binary form that a browser maps as it comes.

Binary form, version 1, little-endian; every part begins at a multiple of 8 bytes:

    offset  type        what
    0       4 bytes     "SHSP"
    4       uint16      version, 1
    6       uint16      number of channels C
    8       float64     begin of the window [s]
    16      float64     end of the window [s]
    24      float64     duration of the sequence [s]
    32      uint64      blocks that begin in the window
    40      uint32      number of block starts B: that many, or 0 if they are too many to draw
    44      uint32      0
    48      C x 48      the table of channels:
      +0      16 bytes    name, ASCII, filled up with zeros
      +16     8 bytes     unit, ASCII, filled up with zeros
      +24     uint32      1: every vertex; 0: first, lowest, highest, last of each bin of time
      +28     uint32      number of points P
      +32     uint32      number of strokes S
      +36     uint32      0
      +40     uint64      vertices in the window
    then    float64 x B block starts [s]
    then for each channel
            float64 x P times [s]
            float32 x P values, filled up to a multiple of 8 bytes
            uint32 x S  index of the first point of each unbroken line, filled up likewise
"""

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from exam_manager.sequences.plot.channel import Floats, Points

MAGIC, VERSION = b"SHSP", 1
MEDIA_TYPE = "application/octet-stream"
_HEAD = struct.Struct("<4sHHdddQII")
_CHANNEL = struct.Struct("<16s8sIIIIQ")


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn of a sequence in a window of time."""

    begin_s: float
    end_s: float
    duration_s: float
    num_blocks: int
    block_start_s: Floats
    channels: dict[str, tuple[str, Points]]
    """Unit and points by name."""


def to_binary(plot: Plot) -> bytes:
    """Return a plot in binary form."""
    parts = [
        _HEAD.pack(
            *(MAGIC, VERSION, len(plot.channels)),
            *(plot.begin_s, plot.end_s, plot.duration_s),
            *(plot.num_blocks, plot.block_start_s.size, 0),
        )
    ]
    for name, (unit, points) in plot.channels.items():
        sizes = (points.exact, points.value.size, points.strokes.size, 0, points.num_vertices)
        parts.append(_CHANNEL.pack(name.encode(), unit.encode(), *sizes))
    parts.append(_bytes(plot.block_start_s, "<f8"))
    for _unit, points in plot.channels.values():
        parts.append(_bytes(points.time_s, "<f8"))
        parts.append(_bytes(points.value, "<f4"))
        parts.append(_bytes(points.strokes, "<u4"))
    return b"".join(parts)


def _bytes(array: Any, kind: str) -> bytes:
    data = np.asarray(array).astype(kind).tobytes()
    return data + bytes(-len(data) % 8)


def to_json(plot: Plot) -> bytes:
    """Return a plot as JSON: a `SequencePlot`.

    Written piece by piece: one long call of the JSON library would let no other thread run.
    """
    head = {
        "begin_s": plot.begin_s,
        "end_s": plot.end_s,
        "duration_s": plot.duration_s,
        "num_blocks": plot.num_blocks,
        "block_start_s": _seconds(plot.block_start_s),
    }
    channels = ",".join(
        _json(
            {
                "name": name,
                "unit": unit,
                "exact": points.exact,
                "num_vertices": points.num_vertices,
                "time_s": _seconds(points.time_s),
                "value": [float(f"{value:.9g}") for value in points.value.tolist()],
                "strokes": points.strokes.tolist(),
            }
        )
        for name, (unit, points) in plot.channels.items()
    )
    return f'{_json(head)[:-1]},"channels":[{channels}]}}'.encode()


def _json(document: dict[str, Any]) -> str:
    """Return a document as JSON, each of its members in a call of its own."""
    members = (
        f"{json.dumps(name)}:{json.dumps(value, separators=(',', ':'), allow_nan=False)}"
        for name, value in document.items()
    )
    return f"{{{','.join(members)}}}"


def _seconds(times: Floats) -> list[float]:
    """Return times to the picosecond: what lies below comes from the arithmetic."""
    return [round(time, 12) for time in times.tolist()]
