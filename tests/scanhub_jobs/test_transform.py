"""The transform, axis by axis, against the plain one."""

import numpy as np
import pytest

from scanhub_jobs.partial_fourier import Extent
from scanhub_jobs.transform import axis_to_image, hann, image_to_kspace


def plain(data, axis):
    moved = np.fft.ifftshift(data, axes=axis)
    return np.fft.fftshift(np.fft.ifft(moved, axis=axis), axes=axis)


def noise(size):
    random = np.random.default_rng(size)
    values = random.normal(size=(size, size, size, 2)) @ (1, 1j)
    return values.astype(np.complex64)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 7, 8, 15])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_axis_is_transformed_with_its_centre_in_the_middle(size, axis):
    data = noise(size)
    before = data.copy()
    image = axis_to_image(data, axis, size, size)
    np.testing.assert_array_equal(data, before)
    np.testing.assert_allclose(image, plain(data, axis), atol=1e-5)
    np.testing.assert_allclose(image_to_kspace(image, (axis,)), data, atol=1e-5)
    np.testing.assert_array_equal(axis_to_image(data, axis, size, size, overwrite=True), image)


@pytest.mark.parametrize(("have", "grid", "keep"), [(5, 8, 8), (6, 9, 4), (8, 8, 3), (8, 6, 6)])
def test_filling_and_cutting_keep_the_centre(have, grid, keep):
    data = noise(have)
    filled = np.zeros((have, have, grid), complex)
    at = np.arange(-(min(have, grid) // 2), min(have, grid) - min(have, grid) // 2)
    filled[..., grid // 2 + at] = data[..., have // 2 + at]
    begin = grid // 2 - keep // 2
    expected = plain(filled, 2)[..., begin : begin + keep]
    np.testing.assert_allclose(axis_to_image(data, 2, grid, keep), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("extent", "partial"),
    [
        (Extent(8, 0, 8), False),
        (Extent(7, 0, 7), False),
        (Extent(8, 2, 7), False),
        (Extent(8, 3, 8), True),
        (Extent(8, 0, 6), True),
        (Extent(1, 0, 1), False),
    ],
)
def test_what_is_partial_is_told_from_what_is_merely_short(extent, partial):
    assert extent.partial is partial
    assert extent.measured.sum() == extent.end - extent.first
    assert (extent.measured <= extent.mirrored).all()


def test_a_window_is_1_in_the_centre_and_0_beyond_its_reach():
    window = hann(9, 3)
    assert window[4] == 1
    assert window[0] == window[8] == 0
    assert (np.diff(window[:5]) >= 0).all()
