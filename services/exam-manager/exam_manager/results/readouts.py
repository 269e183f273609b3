"""The list of readouts of a file, as JSON in pieces: a million of them fit no list of models."""

import json
import math
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exam_manager.results.files import Place, RawDataFile
from exam_manager.results.mrd import COUNTERS
from exam_manager.results.mrd_reader import MRDFile
from scanhub_libraries.models import MRDMetaResponse

_PIECE = 2000
_MICROSECONDS = 1e6
_HEAD_ORDER = (
    "number_of_samples",
    "active_channels",
    "flags",
    "center_sample",
    "encoding_space_ref",
)


def dwell_time(sample_time_us: float) -> float:
    """Return the time between samples [s]: the float32 of the file, divided in float64.

    0 stands for what is no time: not stated, negative, infinite.
    """
    stated = math.isfinite(sample_time_us) and sample_time_us > 0
    return float(sample_time_us) / _MICROSECONDS if stated else 0.0


async def read_meta(
    place: Place, found: RawDataFile, file: MRDFile, first: int, count: int | None
) -> Generator[bytes]:
    """Return the answer in pieces; the file was read and checked by then.

    Args:
        place: Which result it is.
        found: Which files there are.
        file: The one to read.
        first: The first readout to list.
        count: How many; None: all.
    """
    total = await file.reader.run(file.count)
    heads = await file.reader.run(file.heads, first, total if count is None else count)
    frame = MRDMetaResponse(
        workflow_id=place.workflow_id,
        task_id=place.task_id,
        result_id=place.result_id,
        filename=found.name,
        files=found.names,
        total=total,
        acquisitions=[],
    )
    return _pieces(frame.model_dump_json().encode(), first, heads)


def _pieces(frame: bytes, first: int, heads: NDArray[np.void]) -> Generator[bytes]:
    yield frame.removesuffix(b"]}")
    comma = b""
    for start in range(0, len(heads), _PIECE):
        part = heads[start : start + _PIECE]
        items = ",".join(
            json.dumps(info, separators=(",", ":")) for info in _infos(first + start, part)
        )
        if items:
            yield comma + items.encode()
            comma = b","
    yield b"]}"


def _infos(first: int, heads: NDArray[np.void]) -> Iterator[dict[str, Any]]:
    plain = [heads[name].tolist() for name in _HEAD_ORDER]
    times = [dwell_time(time) for time in heads["sample_time_us"].tolist()]
    counters = zip(*(heads[name].tolist() for name in COUNTERS), strict=True)
    rows = zip(*plain, times, counters, strict=True)
    for number, (samples, coils, flags, centre, space, time, idx) in enumerate(rows, start=first):
        if samples == 0 or coils == 0:
            continue
        yield {
            "acquisition_id": number,
            "num_samples": samples,
            "num_coils": coils,
            "dwell_time": time,
            "flags": flags,
            "center_sample": centre,
            "encoding_space_ref": space,
            "idx": dict(zip(COUNTERS, idx, strict=True)),
        }
