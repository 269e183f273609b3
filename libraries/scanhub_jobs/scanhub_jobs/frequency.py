"""The frequency calibration job: ``python -m scanhub_jobs.frequency``.

It finds the resonance in readouts without gradients (free induction decays) and says how far the
receiver is from it, for whoever sets the scanner's frequency.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanhub_jobs.command_line import report_job
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.frequency_parameters import FrequencyParameters
from scanhub_jobs.raw_data import RawFile, open_raw_data

_MOST_READOUTS = 256
_SHORTEST = 16
_HALF = 0.5


def frequency_report(source: Path, parameters: FrequencyParameters) -> dict[str, Any]:
    """Find the resonance in an ISMRMRD file without gradients.

    Returns:
        `values`: offset_hz (resonance minus receiver), frequency_hz, peak_snr and linewidth_hz
        (full width at half maximum), and `notes`.

    Raises:
        JobInputError: There is no resonance, or the readouts contradict one another.
    """
    with open_raw_data(source) as raw:
        power, dwell_s, count = _power_spectrum(raw, parameters.zero_filling)
        receiver_hz = raw.header.frequency_hz
    frequencies: NDArray[np.float64] = np.fft.fftfreq(len(power), dwell_s).astype(np.float64)
    order = np.argsort(frequencies)
    frequencies, power = frequencies[order], power[order]
    looked_at = power.copy()
    if parameters.search_hz is not None:
        looked_at[np.abs(frequencies) > parameters.search_hz] = 0
    peak = int(np.argmax(looked_at))
    snr = float(np.sqrt(power[peak] / _noise_power(power, count)))
    if not snr >= parameters.least_snr:
        raise JobInputError(
            f"There is no resonance: the highest peak is {snr:.1f} times the noise, "
            f"{parameters.least_snr:g} are asked for."
        )
    offset, notes = _between(frequencies, power, peak), list[str]()
    if receiver_hz is None:
        notes.append("The header states no frequency of the receiver: only the offset is known.")
    values = {
        "offset_hz": offset,
        "frequency_hz": None if receiver_hz is None else receiver_hz + offset,
        "peak_snr": snr,
        "linewidth_hz": _width(frequencies, power, peak),
    }
    return {"values": values, "notes": notes}


def _power_spectrum(raw: RawFile, finer: int) -> tuple[NDArray[np.float64], float, int]:
    """Return the mean power spectrum, the time per sample [s], and how many it is the mean of.

    A resonance above the receiver's frequency turns as exp(-2 pi i f t), hence the inverse.
    """
    rows = raw.image_rows()[:_MOST_READOUTS]
    dwell_us = float(raw.heads["sample_time_us"][rows[0]])
    size = int(raw.heads["number_of_samples"][rows[0]])
    if not dwell_us > 0 or size < _SHORTEST:
        raise JobInputError(
            f"Readout {rows[0]} states {size} samples of {dwell_us:g} us: no spectrum."
        )
    power, count = np.zeros(finer * size), 0
    for readout in raw.readouts(rows):
        head = raw.heads[readout.number]
        if readout.samples.shape[1] != size or float(head["sample_time_us"]) != dwell_us:
            raise JobInputError(
                f"Readout {readout.number} differs from readout {rows[0]} in length or sample time."
            )
        spectrum = np.fft.ifft(readout.samples, finer * size, axis=1)
        power += (np.abs(spectrum) ** 2).sum(axis=0)
        count += len(readout.samples)
    return power / count, dwell_us * 1e-6, count


def _noise_power(power: NDArray[np.float64], count: int) -> float:
    """Return the mean of the noise by its median, which peaks do not move."""
    median_of_mean = (1 - 1 / (9 * count)) ** 3  # Wilson and Hilferty, of a gamma distribution
    return max(float(np.median(power)) / median_of_mean, np.finfo(np.float64).tiny)


def _between(frequencies: NDArray[np.float64], power: NDArray[np.float64], peak: int) -> float:
    """Return where a parabola through the peak and its neighbours is highest [Hz]."""
    below, at, above = (float(power[(peak + d) % len(power)]) for d in (-1, 0, 1))
    bend = below - 2 * at + above
    shift = 0.0 if bend == 0 else 0.5 * (below - above) / bend
    return float(frequencies[peak] + shift * (frequencies[1] - frequencies[0]))


def _width(frequencies: NDArray[np.float64], power: NDArray[np.float64], peak: int) -> float:
    """Return the full width of the peak at half of its power [Hz]."""
    step, edges = float(frequencies[1] - frequencies[0]), []
    for way in (-1, 1):
        at, half = peak, _HALF * power[peak]
        while 0 < at < len(power) - 1 and power[at + way] > half:
            at += way
        inner, outer = float(power[at]), float(power[min(max(at + way, 0), len(power) - 1)])
        part = (inner - half) / (inner - outer) if inner > outer else 0.0
        edges.append(abs(at - peak) + part)
    return float(step * sum(edges))


def main(arguments: list[str] | None = None) -> int:
    """Run the job."""
    return report_job(arguments, "frequency", FrequencyParameters, frequency_report)


if __name__ == "__main__":
    raise SystemExit(main())
