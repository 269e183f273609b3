"""The simulated scanner against the truth: what it acquires, reconstructed by a plain FFT."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ismrmrd
import numpy as np
import pytest

from scanhub_device.simulated import default_sequence
from scanhub_device.simulator import (
    MARKER_HEAD,
    MARKER_LEFT,
    SimulatorSettings,
    phantom_image,
    plan_scan,
)
from scanhub_device.simulator.acquire import acquire
from scanhub_device.simulator.coils import ring_of_coils
from scanhub_device.simulator.mrd import Labels
from scanhub_device.simulator.phantom import BRAIN
from scanhub_device.simulator.plan import ScanPlan
from scanhub_device.simulator.sequences import write_gre

# files that PyPulseq's own tests expect; SCANHUB_SAMPLES names the folder of pulseq/
EXAMPLES = Path(os.environ.get("SCANHUB_SAMPLES", "absent")) / "pulseq"
NO_NOISE = SimulatorSettings(coils=1, noise=0, time_scale=0)
BORE = (0.0, 0.0, 0.0)


@dataclass
class Raw:
    """A file read back, by the file alone."""

    header: Any
    readouts: list[Any]
    plan: ScanPlan

    @property
    def encoding(self) -> Any:
        return self.header.encoding[0]

    def images(self) -> np.ndarray[Any, Any]:
        """(slices, coils, phase, read) by a centred inverse FFT, in units of the phantom."""
        space, limits = self.encoding.encodedSpace, self.encoding.encodingLimits
        nx, ny = space.matrixSize.x, space.matrixSize.y
        coils = self.readouts[0].active_channels
        k = np.zeros((limits.slice.maximum + 1, coils, ny, nx), dtype=complex)
        for readout in self.readouts:
            line = readout.idx.kspace_encode_step_1 - limits.kspace_encoding_step_1.center + ny // 2
            first = nx // 2 - readout.center_sample
            columns = slice(first, first + readout.number_of_samples)
            k[readout.idx.slice, :, line, columns] = readout.data
        axes = (-2, -1)
        image = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(k, axes=axes)), axes=axes)
        fov = space.fieldOfView_mm
        return image * (nx * ny / (fov.x * fov.y * fov.z))

    def truth(self, number: int = 0, supersampling: int = 4) -> np.ndarray[Any, Any]:
        """The phantom where the header says that slice `number` is, without blurring."""
        space = self.encoding.encodedSpace
        head = next(r for r in self.readouts if r.idx.slice == number)
        return phantom_image(
            (space.matrixSize.x, space.matrixSize.y),
            (space.fieldOfView_mm.x / 1e3, space.fieldOfView_mm.y / 1e3),
            contrast=self.plan.contrast,
            position_m=tuple(np.array(head.position) / 1e3),
            read_dir=tuple(head.read_dir),
            phase_dir=tuple(head.phase_dir),
            supersampling=supersampling,
        )


def scan(
    folder: Path, text: str, settings: SimulatorSettings = NO_NOISE, offset_m: Any = BORE
) -> Raw:
    plan = plan_scan(text)
    path = folder / "data.mrd"
    assert acquire(
        plan,
        settings,
        path,
        labels=Labels("task-1", device_name="bench"),
        offset_m=np.array(offset_m),
        stop=threading.Event(),
        progress=lambda _: None,
    )
    return read(path, plan)


def read(path: Path, plan: ScanPlan) -> Raw:
    dataset = ismrmrd.Dataset(str(path), "dataset", create_if_needed=False)
    header = ismrmrd.xsd.CreateFromDocument(dataset.read_xml_header())
    count = dataset.number_of_acquisitions()
    readouts = [dataset.read_acquisition(index) for index in range(count)]
    dataset.close()
    return Raw(header, readouts, plan)


def made(folder: Path, **changes: Any) -> str:
    path = folder / "made.seq"
    write_gre(path, **{"matrix": 64, "dwell": 40e-6, **changes})
    return path.read_text()


def band_limited(fine: np.ndarray[Any, Any], matrix: int) -> np.ndarray[Any, Any]:
    """What an ideal scanner makes of a finely rastered object: its low frequencies."""
    k = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(fine)))
    begin = fine.shape[0] // 2 - matrix // 2
    k = k[begin : begin + matrix, begin : begin + matrix] * (matrix / fine.shape[0]) ** 2
    return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(k)))


def error(image: Any, truth: Any) -> float:
    return float(np.linalg.norm(image - truth) / np.linalg.norm(truth))


@pytest.fixture(scope="module")
def without_noise(tmp_path_factory: pytest.TempPathFactory) -> Raw:
    """The default sequence, played."""
    return scan(tmp_path_factory.mktemp("played"), default_sequence().read_text())


@pytest.mark.long
def test_the_image_is_the_phantom(without_noise: Raw) -> None:
    raw = without_noise
    image = raw.images()[0, 0]
    fine = phantom_image(1024, 0.256, contrast=raw.plan.contrast, supersampling=2)
    ideal = band_limited(fine, 128)
    assert error(image, ideal) < 0.004  # also the phase: the echo is exactly at sample N/2
    assert error(image, ideal[:, ::-1]) > 0.2
    assert error(image, ideal[::-1]) > 0.2
    assert error(np.abs(image), raw.truth()) < 0.07  # sharp edges ring


def edges(profile: Any, level: float) -> tuple[int, int]:
    above = np.flatnonzero(profile > level)
    return int(above[0]), int(above[-1])


@pytest.mark.long
def test_edges_lie_within_one_pixel(without_noise: Raw) -> None:
    raw = without_noise
    image, truth = np.abs(raw.images()[0, 0]), raw.truth()
    level = 0.5 * truth.max() * 0.6
    for got, expected in ((image[64], truth[64]), (image[:, 64], truth[:, 64])):
        for one, other in zip(edges(got, level), edges(expected, level), strict=True):
            assert abs(one - other) <= 1


def test_the_marker_lies_left_and_front_by_the_directions_of_the_file(without_noise: Raw) -> None:
    raw = without_noise
    head = raw.readouts[0]
    assert list(head.read_dir) == [1, 0, 0]  # gx: towards the patient's left
    assert list(head.phase_dir) == [0, 1, 0]  # gy: towards the back
    assert list(head.slice_dir) == [0, 0, 1]
    image = np.abs(raw.images()[0, 0])
    row, column = np.unravel_index(np.argmax(image), image.shape)
    x, y = (column - 64) * 0.002, (row - 64) * 0.002
    reach = max(MARKER_LEFT.semi_axes_m)
    assert np.hypot(x - MARKER_LEFT.centre_m[0], y - MARKER_LEFT.centre_m[1]) < reach


@pytest.mark.skipif(not EXAMPLES.exists(), reason="SCANHUB_SAMPLES names no folder of sample data")
@pytest.mark.parametrize("name", ["write_gre.seq", "write_gre_label.seq"])
def test_a_file_of_the_pulseq_examples_plays(tmp_path: Path, name: str) -> None:
    raw = scan(tmp_path, (EXAMPLES / name).read_text())
    assert len(raw.readouts) == 64
    image, truth = np.abs(raw.images()[0, 0]), raw.truth()
    assert error(image, truth) < 0.12
    assert error(image[:, ::-1], truth) > 0.3
    assert error(image[::-1], truth) > 0.3


def test_the_header_is_true(tmp_path: Path) -> None:
    raw = scan(tmp_path, default_sequence().read_text(), SimulatorSettings(4, 0, 0))
    header, encoding = raw.header, raw.encoding
    assert encoding.trajectory.value == "cartesian"
    for space in (encoding.encodedSpace, encoding.reconSpace):
        assert (space.matrixSize.x, space.matrixSize.y, space.matrixSize.z) == (128, 128, 1)
        fov = space.fieldOfView_mm
        assert (fov.x, fov.y, fov.z) == pytest.approx((256, 256, 5), rel=1e-4)
    lines = encoding.encodingLimits.kspace_encoding_step_1
    assert (lines.minimum, lines.maximum, lines.center) == (0, 127, 64)
    assert pytest.approx([40]) == header.sequenceParameters.TR
    assert pytest.approx([6]) == header.sequenceParameters.TE
    assert header.sequenceParameters.flipAngle_deg == pytest.approx([15], rel=1e-3)
    system = header.acquisitionSystemInformation
    assert (system.receiverChannels, system.systemFieldStrength_T) == (4, 1.5)
    frequency = header.experimentalConditions.H1resonanceFrequency_Hz
    assert frequency == pytest.approx(42.577e6 * 1.5, rel=1e-3)
    assert header.measurementInformation.patientPosition.value == "HFS"
    assert header.measurementInformation.measurementID == "task-1"
    assert header.subjectInformation is None


def test_every_readout_says_what_it_is(tmp_path: Path) -> None:
    raw = scan(tmp_path, made(tmp_path, dwell=12.5e-6), SimulatorSettings(3, 0, 0))
    assert [r.scan_counter for r in raw.readouts] == list(range(64))
    assert [r.idx.kspace_encode_step_1 for r in raw.readouts] == list(range(64))
    for readout in raw.readouts:
        assert readout.data.shape == (3, 64)
        assert readout.center_sample == 32
        assert readout.sample_time_us == 12.5
        assert readout.active_channels == 3
        assert readout.isChannelActive(2)
        assert not readout.isChannelActive(3)
        assert list(readout.position) == [0, 0, 0]
    for flag, index in (
        (ismrmrd.ACQ_FIRST_IN_SLICE, 0),
        (ismrmrd.ACQ_LAST_IN_SLICE, 63),
        (ismrmrd.ACQ_LAST_IN_MEASUREMENT, 63),
    ):
        assert [n for n, r in enumerate(raw.readouts) if r.is_flag_set(flag)] == [index]
    stamps = [r.acquisition_time_stamp for r in raw.readouts]
    assert np.diff(stamps) == pytest.approx(40 / 2.5)


@pytest.mark.long
def test_several_slices_lie_where_their_frequency_puts_them(tmp_path: Path) -> None:
    text = made(tmp_path, slice_offsets=(0.058, 0.0, -0.04), tr=0.06, dummies=2)
    raw = scan(tmp_path, text)
    assert raw.plan.contrast.tr_s == pytest.approx(0.06)
    assert raw.encoding.encodingLimits.slice.maximum == 2
    heights = {r.idx.slice: r.position[2] for r in raw.readouts}
    assert [heights[n] for n in range(3)] == pytest.approx([-40, 0, 58], abs=0.01)
    images = np.abs(raw.images()[:, 0])
    for number in range(3):
        assert error(images[number], raw.truth(number)) < 0.12
        assert error(images[number], raw.truth((number + 1) % 3)) > 0.4
    centre = tuple(32 + round(c / 0.004) for c in MARKER_HEAD.centre_m[1::-1])
    assert images[2][centre] > 1.5 * images[0][centre]  # the marker at the head is up, not down
    lasts = [n for n, r in enumerate(raw.readouts) if r.is_flag_set(ismrmrd.ACQ_LAST_IN_SLICE)]
    assert lasts == [189, 190, 191]


def test_an_offset_moves_the_field_of_view_and_the_position_says_so(tmp_path: Path) -> None:
    offset = (0.020, -0.012, 0.03)
    raw = scan(tmp_path, made(tmp_path), offset_m=offset)
    assert list(raw.readouts[0].position) == pytest.approx([20, -12, 30])
    image = np.abs(raw.images()[0, 0])
    assert error(image, raw.truth()) < 0.12
    unmoved = phantom_image(64, 0.256, contrast=raw.plan.contrast, position_m=(0, 0, 0.03))
    assert error(image, unmoved) > 0.5


def test_a_receiver_frequency_moves_the_field_of_view_along_the_readout(tmp_path: Path) -> None:
    unsigned, _, _ = made(tmp_path).partition("\n[SIGNATURE]")
    before, adc, after = unsigned.partition("[ADC]\n")
    lines = after.splitlines()
    for number in range(lines.index("")):  # num samples dwell delay ppm ppm frequency phase shape
        fields = lines[number].split()
        fields[6] = "2000"
        lines[number] = " ".join(fields)
    raw = scan(tmp_path, before + adc + "\n".join(lines))
    shift_mm = 2000 * 40e-6 * 256  # frequency over the gradient of the readout
    assert list(raw.readouts[0].position) == pytest.approx([shift_mm, 0, 0], abs=1e-3)
    image = np.abs(raw.images()[0, 0])
    assert error(image, raw.truth()) < 0.12
    assert error(image, phantom_image(64, 0.256, contrast=raw.plan.contrast)) > 0.4


@pytest.mark.long
def test_the_coils_see_the_phantom_through_their_sensitivities(tmp_path: Path) -> None:
    raw = scan(tmp_path, made(tmp_path), SimulatorSettings(coils=4, noise=0, time_scale=0))
    images = raw.images()[0]
    coordinates = (np.arange(512) - 256) * 0.256 / 512
    points = np.zeros((512, 512, 3))
    points[..., 0], points[..., 1] = coordinates[None, :], coordinates[:, None]
    fine = phantom_image(512, 0.256, contrast=raw.plan.contrast, supersampling=2)
    sensitivity = ring_of_coils(4).sensitivity(points)
    for coil in range(4):
        assert error(images[coil], band_limited(fine * sensitivity[coil], 64)) < 0.02
        assert error(images[coil], band_limited(fine * sensitivity[coil - 1], 64)) > 0.3
    small = sensitivity[:, ::8, ::8]
    combined = (images * small.conj()).sum(0) / (np.abs(small) ** 2).sum(0)
    assert error(combined, raw.truth()) < 0.12
    column, row = int(np.argmax(np.abs(small[0, 32]))), int(np.argmax(np.abs(small[1, :, 32])))
    assert column > 45  # the first coil is at the patient's left
    assert row > 45  # the second at the back


def test_the_noise_has_the_level_that_was_asked_for(tmp_path: Path) -> None:
    settings = SimulatorSettings(coils=2, noise=0.05, time_scale=0, seed=3)
    text = made(tmp_path)
    (tmp_path / "clean").mkdir()
    noisy = scan(tmp_path, text, settings)
    clean = scan(tmp_path / "clean", text, SimulatorSettings(2, 0, 0))
    noise = (noisy.images() - clean.images())[0]
    expected = 0.05 * BRAIN.magnetisation(noisy.plan.contrast)
    for coil in range(2):
        for part in (noise[coil].real, noise[coil].imag):
            assert part.std() == pytest.approx(expected, rel=0.05)
            assert abs(part.mean()) < 4 * expected / 64
    correlation = np.corrcoef(noise[0].real.ravel(), noise[1].real.ravel())[0, 1]
    assert abs(correlation) < 0.06


def test_the_same_seed_gives_the_same_data(tmp_path: Path) -> None:
    text = made(tmp_path)
    data = []
    for number, seed in enumerate((1, 1, 2)):
        folder = tmp_path / str(number)
        folder.mkdir()
        raw = scan(folder, text, SimulatorSettings(2, 0.02, 0, seed))
        data.append(raw.readouts[0].data)
    assert np.array_equal(data[0], data[1])
    assert not np.array_equal(data[0], data[2])
