"""Writes down the blocks of a sequence and what is said of their events.

The wire models are not imported here: that would take longer than all the rest of the program.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from exam_manager.sequences.plot.extremes import Ints
from exam_manager.sequences.plot.tables import Array
from exam_manager.sequences.pulseq_file import AdcEvent, GradientEvent, PulseqFile, RfEvent
from exam_manager.sequences.pulseq_file.events import GAMMA_HZ_PER_T

MT_PER_HZ = 1e3 / GAMMA_HZ_PER_T
_GRADIENTS = ("gx", "gy", "gz")
COLUMNS = ("rf", *_GRADIENTS, "adc", "extension")
Document = dict[str, Any]


def block_tables(file: PulseqFile) -> tuple[dict[str, Array], Document]:
    """Return the blocks of a file, and each event they use as a text."""
    blocks = file.blocks
    arrays: dict[str, Array] = {
        "block.number": blocks.number,
        "block.start_s": blocks.start_s,
        "block.duration_s": blocks.duration_s,
    }
    for column in COLUMNS:
        arrays[f"block.{column}"] = getattr(blocks, column)
    gradients = np.concatenate([blocks.gx, blocks.gy, blocks.gz])
    arrays |= _texts("rf", blocks.rf, lambda number: _rf(number, file.rf[number]))
    arrays |= _texts("gradient", gradients, lambda one: _gradient(one, file.gradients[one]))
    arrays |= _texts("adc", blocks.adc, lambda number: _adc(number, file.adcs[number]))
    arrays |= _texts("extension", blocks.extension, lambda one: _chain(file.extensions(one)))
    return arrays, {"num_blocks": len(blocks)}


def _texts(name: str, used: Ints, tell: Callable[[int], Any]) -> dict[str, Array]:
    numbers = np.unique(used[used > 0])
    texts = [json.dumps(tell(number)).encode() for number in numbers.tolist()]
    return {
        f"{name}.number": numbers,
        f"{name}.first": np.cumsum([0, *(len(text) for text in texts)], dtype=np.int64),
        f"{name}.text": np.frombuffer(b"".join(texts), np.uint8),
    }


def _rf(number: int, pulse: RfEvent) -> Document:
    return {
        "number": number,
        "use": pulse.use,
        "amplitude_hz": abs(pulse.amplitude_hz) * float(np.abs(pulse.shape).max(initial=0.0)),
        "delay_s": pulse.delay_s,
        "duration_s": pulse.end_s - pulse.delay_s,
        "center_s": pulse.center_s,
        "frequency_offset_hz": pulse.frequency_offset_hz,
        "phase_offset_rad": pulse.phase_offset_rad,
        "num_samples": pulse.shape.size,
    }


def _gradient(number: int, gradient: GradientEvent) -> Document:
    value = gradient.amplitude_hz_per_m
    return {
        "number": number,
        "kind": gradient.kind,
        "amplitude": float(value[np.argmax(np.abs(value))]) * MT_PER_HZ,
        "delay_s": gradient.delay_s,
        "duration_s": gradient.end_s - gradient.delay_s,
        "num_vertices": value.size,
    }


def _adc(number: int, readout: AdcEvent) -> Document:
    return {
        "number": number,
        "num_samples": readout.num_samples,
        "dwell_s": readout.dwell_s,
        "delay_s": readout.delay_s,
        "duration_s": readout.end_s - readout.delay_s,
        "frequency_offset_hz": readout.frequency_offset_hz,
        "phase_offset_rad": readout.phase_offset_rad,
    }


def _chain(extensions: Iterable[Any]) -> list[Document]:
    return [{"kind": type(one).__name__, **asdict(one)} for one in extensions]
