"""Figures: a row of the table, and how its numbers are summed up."""

import os
import statistics
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One measured thing.

    Attributes:
        name: What was measured.
        value: The figure, with its unit.
        bar: What we hold ourselves to.
        holds: Whether it does.
        is_open: Whether it does not yet, but is above the floor that its bar has (decision 26).
        peer: The peer of a ratio and its figure in the same run, if there is one.
        detail: Everything measured, for the JSON file.
    """

    name: str
    value: str
    bar: str
    holds: bool
    peer: str = ""
    detail: dict[str, float] = field(default_factory=dict)
    is_open: bool = False


@dataclass(frozen=True)
class Bar:
    """What a ratio is held to.

    Attributes:
        least: What we hold ourselves to.
        floor: What it must not fall below while `least` is not reached; None where it was reached.
    """

    least: float
    floor: float | None = None

    def holds(self, ratio: float) -> bool:
        """Whether a ratio reaches the bar."""
        return ratio >= self.least

    def is_open(self, ratio: float) -> bool:
        """Whether a ratio does not reach the bar, and is above its floor."""
        return self.floor is not None and self.floor <= ratio < self.least

    def told(self, peer: str) -> str:
        """Return the bar as the table has it."""
        floor = f" (until then >= {self.floor:g})" if self.floor is not None else ""
        return f">= {self.least:g} x {peer}{floor}"


def quantile(samples: list[float], share: float) -> float:
    """Return the sample below which `share` of all lie (nearest rank)."""
    ordered = sorted(samples)
    return ordered[min(round(share * (len(ordered) - 1)), len(ordered) - 1)]


def spread_ms(samples_s: list[float]) -> dict[str, float]:
    """Return median, p99 and extremes in milliseconds."""
    return {
        "n": len(samples_s),
        "min_ms": 1000 * min(samples_s),
        "median_ms": 1000 * statistics.median(samples_s),
        "p99_ms": 1000 * quantile(samples_s, 0.99),
        "max_ms": 1000 * max(samples_s),
    }


def latency_row(name: str, samples_s: list[float], median_ms: float | None, p99_ms: float) -> Row:
    """Return the row of a latency with its bars in milliseconds."""
    figures = spread_ms(samples_s)
    holds = figures["p99_ms"] < p99_ms
    bars = [f"p99 < {p99_ms:g} ms"]
    if median_ms is not None:
        holds = holds and figures["median_ms"] < median_ms
        bars.insert(0, f"median < {median_ms:g} ms")
    value = f"median {figures['median_ms']:.1f} ms, p99 {figures['p99_ms']:.1f} ms"
    return Row(name, value, ", ".join(bars), holds, detail=figures)


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used (Linux; else 0)."""
    path = Path(f"/proc/{pid}/stat")
    if not path.exists():
        return 0.0
    user, system = path.read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
