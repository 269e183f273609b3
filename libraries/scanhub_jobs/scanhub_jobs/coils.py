"""What is particular to many receive coils: their noise, and one image out of theirs."""

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from scanhub_jobs.errors import JobInputError
from scanhub_jobs.raw_data import NOISE_FLAG, RawFile
from scanhub_jobs.transform import Complexes

_BLOCK = 7
_POWER_STEPS = 6
_STRIP_BYTES = 64 << 20
_MOST_NOISE_SAMPLES = 1 << 18
_DEAD = 1e-6


def root_sum_of_squares(images: Complexes) -> NDArray[np.float32]:
    """Combine coil images [coil, ...] (P. B. Roemer et al., Magn Reson Med 16:192-225, 1990)."""
    power = np.zeros(images.shape[1:], dtype=np.float32)
    for image in images:
        add_power(power, image)
    return root(power)


def root(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the root of a sum of squares, in its place."""
    return np.asarray(np.sqrt(power, out=power))


def add_power(power: NDArray[np.float32], image: Complexes) -> None:
    """Add the squared magnitude of one coil's image."""
    power += np.square(image.real)
    power += np.square(image.imag)


def adaptive(images: Complexes) -> NDArray[np.float32]:
    """Combine coil images [coil, z, y, x] with weights out of themselves.

    At each pixel the weights are the eigenvector of the largest eigenvalue of the coils'
    correlation around it, in a square of 7 pixels: the matched filter of D. O. Walsh, A. F. Gmitro
    and M. W. Marcellin, Adaptive reconstruction of phased array MR imagery, Magn Reson Med
    43:682-690, 2000, for noise that is white (see `whitening`).
    """
    coils, _, rows, columns = images.shape
    if coils == 1:
        return root_sum_of_squares(images)
    per_row = coils * coils * columns * 8
    step = max(_BLOCK, _STRIP_BYTES // per_row)
    combined = np.empty(images.shape[1:], dtype=np.float32)
    for z in range(images.shape[1]):
        for begin in range(0, rows, step):
            low, high = max(0, begin - _BLOCK), min(rows, begin + step + _BLOCK)
            strip = _combined(images[:, z, low:high])
            combined[z, begin : begin + step] = strip[begin - low : begin - low + step]
    return combined


def _combined(images: Complexes) -> NDArray[np.float32]:
    """Combine [coil, y, x]."""
    coils, rows, columns = images.shape
    correlation = np.empty((rows, columns, coils, coils), dtype=np.complex64)
    for first in range(coils):
        for second in range(first, coils):
            mean = scipy.ndimage.uniform_filter(
                images[first] * images[second].conj(), _BLOCK, mode="nearest"
            )
            correlation[:, :, first, second] = mean
            correlation[:, :, second, first] = mean.conj()
    vectors = correlation.sum(axis=3, keepdims=True)
    for _ in range(_POWER_STEPS):
        vectors = correlation @ vectors
        length = np.linalg.norm(vectors, axis=2, keepdims=True)
        vectors /= np.maximum(length, np.finfo(np.float32).tiny)
    return np.asarray(np.abs(np.einsum("yxc,cyx->yx", vectors[..., 0].conj(), images)))


def whitening(raw: RawFile, coils: int, warnings: list[str]) -> Complexes | None:
    """Return the matrix [coil, coil] that makes the noise white; None: no noise was measured.

    From the noise readouts' covariance C = L L^H, the matrix is L^-1, scaled so that the mean
    noise power stays (as in K. P. Pruessmann et al., Magn Reson Med 46:638-651, 2001).

    Raises:
        JobInputError: The noise readouts contradict the file.
    """
    rows = raw.flagged_rows(NOISE_FLAG)
    total, count = np.zeros((coils, coils), dtype=np.complex128), 0
    for readout in raw.readouts(rows):
        if len(readout.samples) != coils:
            warnings.append("The noise readouts have other coils than the image; not used.")
            return None
        total += readout.samples @ readout.samples.conj().T
        count += readout.samples.shape[1]
        if count >= _MOST_NOISE_SAMPLES:
            break
    if count < 2 * coils:
        if count:
            warnings.append("The noise readouts are too short to be used.")
        return None
    covariance = total / count
    mean = float(np.trace(covariance).real) / coils
    if not mean > 0:
        raise JobInputError("The noise readouts hold nothing but zeros.")
    covariance += _DEAD * mean * np.eye(coils)  # a coil that is not connected
    matrix = np.linalg.inv(np.linalg.cholesky(covariance)) * np.sqrt(mean)
    return np.asarray(matrix, dtype=np.complex64)
