"""Previews: each image as soon as its last line has come, as the whole file will have it."""

import io
import json
import subprocess
import sys
from pathlib import Path

import ismrmrd
import numpy as np
import pytest
from PIL import Image
from raw_files import Scan, edit, write
from streams import messages_of

from scanhub_jobs import JobInputError
from scanhub_jobs.cartesian import reconstruct_cartesian
from scanhub_jobs.preview import NOTICE, Previews, main, preview_png

TWO = Scan(matrix=(32, 24, 1), coils=2, positions=[(0, 0, -9), (0, 0, 9)], fov=(160, 144, 8))
PLENTY = 1 << 30


def made_by(previews, messages):
    return [image for message in messages for _key, image in previews.feed(message)]


def test_a_slice_is_there_before_the_next_one_begins_and_is_that_of_the_file(tmp_path):
    path = write(tmp_path / "data.mrd", TWO)
    header, *readouts, end = messages_of(path)
    final = reconstruct_cartesian(path).slices
    previews = Previews(PLENTY)
    assert made_by(previews, [header, *readouts[:23]]) == []
    (first,) = made_by(previews, readouts[23:24])
    (second,) = made_by(previews, [*readouts[24:], end])
    assert previews.closed
    for image, whole in zip((first, second), final, strict=True):
        np.testing.assert_array_equal(image.pixels, whole.pixels)
        assert image.plane.depth == pytest.approx(whole.plane.depth)


def test_every_repetition_is_an_image_of_its_own(tmp_path):
    def repeat(data):
        both = np.concatenate([data, data])
        both["head"]["idx"]["repetition"][len(data) :] = 1
        return both

    path = edit(write(tmp_path / "data.mrd", TWO), repeat)
    previews = Previews(PLENTY)
    keys = [key for message in messages_of(path) for key, _image in previews.feed(message)]
    assert [(key[0], key[3]) for key in keys] == [(0, 0), (1, 0), (0, 1), (1, 1)]


def test_the_first_of_several_averages_is_shown(tmp_path):
    path = write(tmp_path / "data.mrd", Scan(matrix=(32, 24, 1), averages=3))
    previews = Previews(PLENTY)
    assert len(made_by(previews, messages_of(path))) == 1
    assert previews.closed


def test_of_a_slab_the_middle_is_shown(tmp_path):
    slab = Scan(matrix=(32, 24, 8), fov=(160, 144, 80), positions=[(0, 0, 0)])
    path = write(tmp_path / "data.mrd", slab)
    (image,) = made_by(Previews(PLENTY), messages_of(path))
    np.testing.assert_array_equal(image.pixels, reconstruct_cartesian(path).slices[4].pixels)


def test_a_scanner_that_says_last_too_early_gets_its_image_when_all_is_there(tmp_path):
    def flag(data):
        for row in (0, 5, 23):
            data["head"]["flags"][row] |= 1 << (ismrmrd.ACQ_LAST_IN_SLICE - 1)
        return data

    path = edit(write(tmp_path / "data.mrd", Scan(matrix=(32, 24, 1))), flag)
    header, *readouts, end = messages_of(path)
    previews = Previews(PLENTY)
    assert made_by(previews, [header, *readouts[:23]]) == []
    assert len(made_by(previews, [*readouts[23:], end])) == 1


def test_partial_fourier_is_shown_when_the_scanner_says_last(tmp_path):
    def flag(data):
        data["head"]["flags"][-1] |= 1 << (ismrmrd.ACQ_LAST_IN_SLICE - 1)
        return data

    path = edit(write(tmp_path / "data.mrd", Scan(matrix=(32, 24, 1), lines=range(16))), flag)
    assert len(made_by(Previews(PLENTY), messages_of(path))) == 1


def test_noise_and_calibration_readouts_are_no_image(tmp_path):
    path = write(tmp_path / "data.mrd", Scan(matrix=(32, 24, 1), flags=1 << 18))
    previews = Previews(PLENTY)
    assert made_by(previews, messages_of(path)) == []
    assert previews.closed


@pytest.mark.parametrize(
    ("scan", "why"),
    [(Scan(trajectory="radial"), "radial"), (Scan(matrix=(4096, 4096, 64)), "too large")],
)
def test_what_cannot_be_previewed_says_why(tmp_path, scan, why):
    one = Scan(**{**vars(scan), "lines": range(1)})
    if scan.matrix[2] > 1:  # the header of a huge matrix, and readouts of a small one
        path = write(tmp_path / "data.mrd", Scan())
        header = scan.header().encode()
        messages = [b"\x03\x00" + len(header).to_bytes(4, "little") + header]
        messages += messages_of(path)[1:]
    else:
        messages = messages_of(write(tmp_path / "data.mrd", one))
    with pytest.raises(JobInputError, match=why):
        made_by(Previews(PLENTY), messages)


def test_readouts_that_never_make_an_image_do_not_fill_the_memory(tmp_path):
    header, readout, *_ = messages_of(write(tmp_path / "data.mrd", Scan(matrix=(64, 48, 1))))
    previews = Previews(1 << 20)
    made_by(previews, [header, *[readout] * 300])
    with pytest.raises(JobInputError, match="too much for a preview"):
        made_by(previews, [readout] * 300)


def test_the_png_is_the_image_and_says_what_it_is(tmp_path):
    (image, _) = reconstruct_cartesian(write(tmp_path / "data.mrd", TWO)).slices
    with Image.open(io.BytesIO(preview_png(image))) as png:
        assert (png.mode, png.size) == ("L", image.pixels.shape[::-1])
        assert png.text == {"Comment": NOTICE}
        shown = np.asarray(png).astype(float)
    assert (shown.min(), shown.max()) == (0, 255)
    inside = (shown > 0) & (shown < 255)
    assert np.corrcoef(shown[inside], image.pixels[inside])[0, 1] > 0.999


class Job:
    """The preview job as a process, and the file that it follows."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.source, self.output = folder / "growing", folder / "previews"
        self.source.touch()
        self.output.mkdir()
        command = [sys.executable, "-m", "scanhub_jobs.preview", *options]
        command += ["--input", str(self.source), "--output", str(self.output)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def add(self, *messages: bytes) -> None:
        with self.source.open("ab") as file:
            file.write(b"".join(messages))

    def says(self) -> dict:
        return json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_the_job_shows_a_slice_while_the_file_grows(tmp_path):
    header, *readouts, end = messages_of(write(tmp_path / "data.mrd", TWO))
    with Job(tmp_path) as job:
        job.add(header, *readouts[:24])
        said = job.says()
        assert (said["event"], said["number"], said["slice"]) == ("preview", 1, 0)
        assert (job.output / "1.png").is_file()
        job.add(*readouts[24:], end)
        assert (job.says()["slice"], job.says()) == (
            1,
            {"event": "result", "images": 2, "whole": True},
        )
        assert job.process.wait(30) == 0
    index = json.loads((job.output / "index.json").read_text())
    assert [entry["slice"] for entry in index] == [0, 1]


def test_the_job_keeps_the_newest_images_only(tmp_path):
    with Job(tmp_path, "--keep", "1") as job:
        job.add(*messages_of(write(tmp_path / "data.mrd", TWO)))
        assert job.process.wait(30) == 0
    assert sorted(path.name for path in job.output.iterdir()) == ["2.png", "index.json"]


def test_the_job_ends_when_the_file_is_removed(tmp_path):
    header, *readouts, _end = messages_of(write(tmp_path / "data.mrd", TWO))
    with Job(tmp_path) as job:
        job.add(header, *readouts[:30])
        assert job.says()["slice"] == 0
        job.source.unlink()
        assert job.says() == {"event": "result", "images": 1, "whole": False}
        assert job.process.wait(30) == 0


def test_garbage_ends_the_job_with_the_reason(tmp_path, capsys):
    source = tmp_path / "growing"
    source.write_bytes(b"\xfe\xed" * 100)
    assert main(["--input", str(source), "--output", str(tmp_path)]) == 2
    said = json.loads(capsys.readouterr().out)
    assert "no session of the MRD protocol" in said["detail"]
