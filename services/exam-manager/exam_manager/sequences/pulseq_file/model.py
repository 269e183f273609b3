"""What a Pulseq file holds, as tables: times in seconds, amplitudes in Hz and Hz/m."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from exam_manager.sequences.pulseq_file.sections import Floats, Ints
from exam_manager.sequences.pulseq_file.tables import AdcTable, GradientTable, RfTable, Shapes

Complexes = NDArray[np.complex128]
Event = TypeVar("Event")
AXES = ("gx", "gy", "gz")


class EventMap(Mapping[int, Event]):
    """Events by number, made when asked for: a file may hold a million of them."""

    def __init__(self, numbers: Ints, make: Callable[[int], Event]) -> None:
        self.numbers = numbers
        self._make = make
        self._order = np.argsort(numbers, kind="stable")
        self._sorted = numbers[self._order]

    def __getitem__(self, number: int) -> Event:
        """Return an event; KeyError if there is none."""
        at = int(np.searchsorted(self._sorted, number))
        if at == len(self._sorted) or self._sorted[at] != number:
            raise KeyError(number)
        return self._make(int(self._order[at]))

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers in the order of the file."""
        return iter(self.numbers.tolist())

    def __len__(self) -> int:
        """Return how many events there are."""
        return len(self.numbers)

    def rows(self, numbers: Ints) -> Ints:
        """Return the row of each event in the tables; the numbers must be there."""
        rows: Ints = self._order[np.searchsorted(self._sorted, numbers)]
        return rows


@dataclass(frozen=True, slots=True)
class Rasters:
    """The grids of time [s]."""

    block_duration_s: float = 1e-5
    gradient_s: float = 1e-5
    rf_s: float = 1e-6
    adc_s: float = 1e-7


@dataclass(frozen=True, slots=True)
class Blocks:
    """One entry per block, in the order they are played; event number 0 is none."""

    number: Ints
    start_s: Floats
    duration_s: Floats
    rf: Ints
    gx: Ints
    gy: Ints
    gz: Ints
    adc: Ints
    extension: Ints

    def __len__(self) -> int:
        """Return how many blocks there are."""
        return len(self.number)

    def gradient(self, axis: int) -> Ints:
        """Return the gradient events of an axis, 0 to 2."""
        return (self.gx, self.gy, self.gz)[axis]


@dataclass(frozen=True, slots=True)
class RfEvent:
    """A radio-frequency pulse; times count from the start of the block, the delay included."""

    amplitude_hz: float
    shape: Complexes
    """Relative to the amplitude."""
    time_s: Floats
    delay_s: float
    end_s: float
    center_s: float
    frequency_offset_hz: float
    """The part in ppm included where B0 is known."""
    phase_offset_rad: float
    frequency_ppm: float
    phase_ppm_rad_per_mhz: float
    use: str
    """e, r, i, s, p, o, or u (undefined; always before 1.5)."""

    @property
    def samples_hz(self) -> Complexes:
        """The envelope [Hz], without the offsets of frequency and phase."""
        return self.amplitude_hz * self.shape


@dataclass(frozen=True, slots=True)
class GradientEvent:
    """A gradient as the corners of a line; times count from the start of the block."""

    kind: Literal["trapezoid", "arbitrary", "extended"]
    time_s: Floats
    amplitude_hz_per_m: Floats
    delay_s: float

    @property
    def end_s(self) -> float:
        """When it ends."""
        return float(self.time_s[-1])


@dataclass(frozen=True, slots=True)
class AdcEvent:
    """A readout; the sample i is taken at delay + (i + 0.5) dwell from the start of the block."""

    num_samples: int
    dwell_s: float
    delay_s: float
    frequency_offset_hz: float
    phase_offset_rad: float
    frequency_ppm: float
    phase_ppm_rad_per_mhz: float
    phase_rad: Floats
    """Phase modulation per sample (1.5), else empty."""

    @property
    def end_s(self) -> float:
        """When the last sample ends."""
        return self.delay_s + self.num_samples * self.dwell_s


@dataclass(frozen=True, slots=True)
class Trigger:
    """Wait for a signal (kind 2) or give one (kind 1)."""

    kind: int
    channel: int
    delay_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Label:
    """Set a counter, or increase it."""

    name: str
    value: int
    increase: bool


@dataclass(frozen=True, slots=True)
class SoftDelay:
    """A block duration that the operator may set: value / factor + offset."""

    number: int
    offset_s: float
    factor: float
    hint: str


@dataclass(frozen=True, slots=True)
class Rotation:
    """Turns the gradients of its block: a unit quaternion (scalar first)."""

    quaternion: tuple[float, float, float, float]

    def matrix(self) -> Floats:
        """Return the matrix that turns (gx, gy, gz)."""
        w, x, y, z = self.quaternion
        return np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )


@dataclass(frozen=True, slots=True)
class RfShim:
    """Weights of the transmit channels [relative magnitude, phase in rad]."""

    magnitudes: tuple[float, ...]
    phases_rad: tuple[float, ...]


Extension = Trigger | Label | SoftDelay | Rotation | RfShim


@dataclass(frozen=True)
class Tables:
    """The events as columns, for what is done with all of them at once."""

    rf: RfTable
    gradients: GradientTable
    adcs: AdcTable
    shapes: Shapes


@dataclass(frozen=True)
class PulseqFile:
    """A whole file."""

    version: tuple[int, int, int]
    definitions: dict[str, Any]
    rasters: Rasters
    blocks: Blocks
    rf: EventMap[RfEvent]
    gradients: EventMap[GradientEvent]
    adcs: EventMap[AdcEvent]
    extensions: Callable[[int], tuple[Extension, ...]]
    """What an entry of `blocks.extension` stands for, in the order it takes effect."""
    signature: Literal["ok", "mismatch", "absent", "unknown"]
    """"unknown": signed in a way that cannot be checked here."""
    tables: Tables
    notes: tuple[str, ...] = ()
    """What was passed over or assumed."""

    @property
    def duration_s(self) -> float:
        """How long the sequence takes."""
        blocks = self.blocks
        return float(blocks.start_s[-1] + blocks.duration_s[-1])
