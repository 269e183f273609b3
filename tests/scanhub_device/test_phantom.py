import numpy as np
import pytest

from scanhub_device.simulator import MARKER_HEAD, MARKER_LEFT, PHANTOM, Contrast, phantom_image


def test_every_ellipsoid_lies_in_its_parent_and_touches_no_sibling() -> None:
    axis = np.linspace(-0.105, 0.105, 106)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    inside = {item.name: item.contains(points) for item in PHANTOM}
    assert all(inside[item.name].any() for item in PHANTOM)
    for item in PHANTOM:
        if item.parent:
            assert not np.any(inside[item.name] & ~inside[item.parent])
        for other in PHANTOM:
            if other.parent == item.parent and other is not item:
                assert not np.any(inside[item.name] & inside[other.name])


def test_the_markers_tell_left_from_right_front_from_back_and_head_from_foot() -> None:
    x, y, _ = MARKER_LEFT.centre_m
    assert x > 0.03  # left is +x
    assert y < -0.03  # front is -y
    assert MARKER_HEAD.centre_m[2] > 0.05  # head is +z
    axial = phantom_image(128, 0.256)
    assert axial[64 + round(y / 0.002), 64 + round(x / 0.002)] == MARKER_LEFT.proton_density
    assert axial[64 + round(y / 0.002), 64 - round(x / 0.002)] != MARKER_LEFT.proton_density


def test_the_raster_follows_position_and_directions() -> None:
    axial = phantom_image(64, 0.256)
    flipped = phantom_image(65, 65 * 0.004, read_dir=(-1, 0, 0))
    assert np.allclose(flipped[:64, 1:][:, ::-1], axial[:, :64], atol=1e-12)
    moved = phantom_image(64, 0.256, position_m=(0.008, 0, 0))
    assert np.allclose(moved[:, :-2], axial[:, 2:])
    coronal = phantom_image(64, 0.256, read_dir=(1, 0, 0), phase_dir=(0, 0, 1))
    row = 32 + round(MARKER_HEAD.centre_m[2] / 0.004)
    assert coronal[row, 32] == pytest.approx(1.0)
    assert coronal[64 - row, 32] == pytest.approx(0.75)


def test_the_contrast_follows_the_ernst_angle_and_the_decay() -> None:
    long_tr = Contrast(tr_s=100.0, te_s=0.0, flip_angle_rad=np.pi / 2)
    for item in PHANTOM:
        assert item.magnetisation(long_tr) == pytest.approx(item.proton_density, rel=1e-6)
    brain = next(item for item in PHANTOM if item.name == "brain")
    tr = 0.04
    ernst = np.arccos(np.exp(-tr / brain.t1_s))
    signals = [brain.magnetisation(Contrast(tr, 0.0, ernst * f)) for f in (0.9, 1.0, 1.1)]
    assert np.argmax(signals) == 1
    late = brain.magnetisation(Contrast(tr, 0.01, ernst)) / signals[1]
    assert late == pytest.approx(np.exp(-0.01 / brain.t2_s - 0.01 / 0.1))
