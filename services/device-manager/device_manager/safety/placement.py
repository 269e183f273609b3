"""What placing the field of view makes of the gradients of a sequence: upper bounds.

Scaling: a field of view that is larger by a factor s along an axis needs gradients that are
smaller by s. Some scanners take the same number as a factor on the gradients. The wire does not
say which, so the larger of s and 1/s counts.

Rotation: about one axis of the scanner by an angle a, the two others mix by |cos a| and |sin a|;
about several axes the order is not told, but each turn moves the vector by 2 |sin(a/2)| of its size
at most, and so each axis gets no more than all turns together. No axis ever gets more than the
vector. An offset shifts frequencies and phases, and leaves the gradients alone.
"""

from dataclasses import dataclass
from math import cos, hypot, radians, sin

from scanhub_libraries.models import AcquisitionParameter, PeakPerAxis

_FULL_TURN = 360.0
_SMALLEST, _LARGEST = 1e-3, 1e3
"""Scalings beyond are slips of the keyboard."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Factors on the axes of the sequence, and the turn after them [degree]."""

    factors: tuple[float, float, float] = (1.0, 1.0, 1.0)
    turns: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def is_turned(self) -> bool:
        """Say whether the axes of the sequence are not those of the scanner."""
        return any(self.turns)

    @property
    def largest(self) -> float:
        """Return the largest factor."""
        return max(self.factors)

    def peak(self, played: PeakPerAxis | None) -> PeakPerAxis | None:
        """Return what no axis and no vector of the scanner exceeds."""
        if played is None:
            return None
        factors = (self.largest,) * 3 if self.is_turned else self.factors
        x, y, z = (f * p for f, p in zip(factors, (played.x, played.y, played.z), strict=True))
        vector = min(self.largest * played.vector, hypot(x, y, z))
        x, y, z = (min(size, vector) for size in self._turned(x, y, z, vector))
        return PeakPerAxis(x=x, y=y, z=z, vector=vector)

    def _turned(self, x: float, y: float, z: float, vector: float) -> tuple[float, float, float]:
        about = [axis for axis, angle in enumerate(self.turns) if angle]
        if not about:
            return x, y, z
        if len(about) > 1:
            moved = vector * sum(2 * abs(sin(radians(angle) / 2)) for angle in self.turns)
            return x + moved, y + moved, z + moved
        sizes, axis = [x, y, z], about[0]
        c, s = abs(cos(radians(self.turns[axis]))), abs(sin(radians(self.turns[axis])))
        first, second = (axis + 1) % 3, (axis + 2) % 3
        sizes[first], sizes[second] = (
            c * sizes[first] + s * sizes[second],
            s * sizes[first] + c * sizes[second],
        )
        return sizes[0], sizes[1], sizes[2]


def placement_of(parameter: AcquisitionParameter | None) -> Placement | None:
    """Return what a task asks for; None if no scanner can do that (a scaling by 0, say)."""
    if parameter is None:
        return Placement()
    scaling, rotation = parameter.fov_scaling, parameter.fov_rotation
    sizes = [abs(scaling.x), abs(scaling.y), abs(scaling.z)]
    if not all(_SMALLEST <= size <= _LARGEST for size in sizes):
        return None
    x, y, z = (max(size, 1 / size) for size in sizes)
    turns = (rotation.x % _FULL_TURN, rotation.y % _FULL_TURN, rotation.z % _FULL_TURN)
    return Placement((x, y, z), turns)
