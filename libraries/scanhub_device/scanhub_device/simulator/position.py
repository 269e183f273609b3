"""From the axes of the magnet to those of the patient, who may lie either way round.

The axes of the magnet are those of a patient who lies head first, supine (HFS): x to the left, y to
the back, which is down, z to the head. Whoever lies otherwise is turned with regard to them.
"""

from dataclasses import replace

import numpy as np

from scanhub_device.errors import ScanError
from scanhub_device.simulator.phantom import Floats
from scanhub_device.simulator.pulseq import PlayedSequence

HEAD_FIRST_SUPINE = "HFS"
_TURNS: dict[str, tuple[tuple[int, ...], ...]] = {
    HEAD_FIRST_SUPINE: ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "HFP": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "HFDR": ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    "HFDL": ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    "FFS": ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
    "FFP": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "FFDR": ((0, -1, 0), (-1, 0, 0), (0, 0, -1)),
    "FFDL": ((0, 1, 0), (1, 0, 0), (0, 0, -1)),
}
"""Rows: where the patient's left, back and head are in the magnet (PS3.3 C.7.3.1.1.2)."""


def turn_of(position: str) -> Floats:
    """Return the rotation that takes a vector of the magnet to one of the patient (LPS).

    Raises:
        ScanError: nobody can lie so here.
    """
    if position not in _TURNS:
        raise ScanError(
            f"the simulated scanner knows no patient position {position!r}; it knows "
            f"{', '.join(_TURNS)}"
        )
    return np.array(_TURNS[position], dtype=np.float64)


def turned(played: PlayedSequence, turn: Floats) -> PlayedSequence:
    """Return what is played as the patient feels it: every vector in LPS."""
    definitions = dict(played.definitions)
    extent = definitions.get("FOV")
    if extent is not None and np.shape(extent) == (3,):
        definitions["FOV"] = np.abs(turn) @ np.asarray(extent, dtype=np.float64)
    return replace(
        played,
        excitations=tuple(
            replace(pulse, gradient_hz_per_m=turn @ pulse.gradient_hz_per_m)
            for pulse in played.excitations
        ),
        readouts=tuple(
            replace(readout, k_per_m=readout.k_per_m @ turn.T) for readout in played.readouts
        ),
        k_before_excitation_per_m=played.k_before_excitation_per_m @ turn.T,
        definitions=definitions,
    )
