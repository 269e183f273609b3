"""Reconstruction by a server: a real one, written with ISMRMRD's own package, over TCP."""

import json
import socket
import threading

import ismrmrd
import numpy as np
import pydicom
import pytest
from mrd_servers import serving
from raw_files import Scan, edit
from raw_files import write as write_scan

from scanhub_jobs import reconstruction, server_reconstruction
from scanhub_jobs.command_line import EXIT_BAD_INPUT

OBLIQUE = {
    "read": (0.8, 0.6, 0.0),
    "phase": (-0.6, 0.8, 0.0),
    "positions": [(4.0, -6.0, -10.0), (4.0, -6.0, 0.0), (4.0, -6.0, 12.0)],
}


@pytest.fixture
def raw_data(tmp_path):
    def write(**scan):
        write_scan(tmp_path / "raw.mrd", Scan(**scan))
        return tmp_path / "raw.mrd"

    return write


@pytest.fixture
def reconstructed(tmp_path):
    """Return what runs the job: its exit code, its images and what is told last."""
    (tmp_path / "context.json").write_text('{"run_id": "run-1", "series": {"number": 101}}')

    def run(source, port, capsys, **parameters):
        asked = {"host": "127.0.0.1", "port": port, **parameters}
        (tmp_path / "parameters.json").write_text(json.dumps(asked))
        options = {"input": source, "context": tmp_path / "context.json"}
        options |= {"output": tmp_path / "made", "parameters": tmp_path / "parameters.json"}
        arguments = [word for name, path in options.items() for word in (f"--{name}", str(path))]
        code = server_reconstruction.main(arguments)
        last = json.loads(capsys.readouterr().out.splitlines()[-1])
        images = [pydicom.dcmread(tmp_path / "made" / name) for name in last.get("files", [])]
        return code, images, last

    return run


@pytest.fixture
def asked_of(raw_data, reconstructed, capsys):
    """Return what runs the job against a server: its exit code, and what is told last."""

    def run(answer):
        with serving(answer) as server:
            code, _, last = reconstructed(raw_data(), server.port, capsys)
        return code, last

    return run


def test_what_a_server_makes_lies_where_our_own_images_do(
    raw_data, reconstructed, tmp_path, capsys
):
    source = raw_data(coils=2, oversampling=2, **OBLIQUE)
    with serving() as server:
        code, images, last = reconstructed(source, server.port, capsys, config="simplefft")
    assert (code, len(images), last["warnings"]) == (0, 3, [])
    assert server.configuration == "simplefft"
    own = reconstruction.run(source, tmp_path / "context.json", tmp_path / "own")
    for theirs, path in zip(images, own, strict=True):
        ours = pydicom.dcmread(path)
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
            assert theirs[keyword].value == pytest.approx(ours[keyword].value, abs=1e-4), keyword
        assert theirs.SpacingBetweenSlices == ours.SpacingBetweenSlices
        assert np.abs(theirs.pixel_array.astype(int) - ours.pixel_array).max() <= 1
        assert theirs.SeriesInstanceUID == images[0].SeriesInstanceUID


def test_every_readout_arrives_as_it_stands_in_the_file(raw_data, reconstructed, capsys):
    source = raw_data(coils=3, averages=2)
    with serving() as server:
        reconstructed(source, server.port, capsys, config_text='{"work": 1}')
    assert server.configuration == '{"work": 1}'
    with ismrmrd.Dataset(str(source), create_if_needed=False) as file:
        stored = [file.read_acquisition(n) for n in range(file.number_of_acquisitions())]
    assert len(server.readouts) == len(stored)
    for came, there in zip(server.readouts, stored, strict=True):
        assert bytes(came.getHead()) == bytes(there.getHead())
        assert np.array_equal(came.data, there.data)
        assert np.array_equal(came.traj, there.traj)


def test_phase_images_are_a_series_of_their_own(raw_data, reconstructed, capsys):
    def answer(server, serializer, _stream):
        for image in server.images():
            serializer.serialize(image)
            phase = ismrmrd.Image.from_array(
                np.linspace(-3.1, 3.1, image.data[0, 0].size, dtype=np.float32).reshape(
                    image.data[0, 0].shape
                ),
                acquisition=server.readouts[0],
                transpose=False,
            )
            phase.image_type = ismrmrd.IMTYPE_PHASE
            phase.field_of_view[:] = image.field_of_view
            serializer.serialize(phase)
        serializer.close()

    with serving(answer) as server:
        code, images, _ = reconstructed(raw_data(), server.port, capsys)
    magnitude, phase = images
    assert code == 0
    assert magnitude.SeriesInstanceUID != phase.SeriesInstanceUID
    assert magnitude.SOPInstanceUID != phase.SOPInstanceUID
    assert phase.SeriesNumber == magnitude.SeriesNumber + 1
    assert (magnitude.ImageType[2], phase.ImageType[2]) == ("OTHER", "PHASE MAP")
    assert phase.pixel_array.min() == pytest.approx(-phase.pixel_array.max(), abs=1)


def test_a_session_that_is_not_closed_leaves_no_image(raw_data, reconstructed, capsys, tmp_path):
    def answer(server, serializer, stream):
        serializer.serialize(server.images()[0])
        stream.flush()

    with serving(answer) as server:
        code, _, last = reconstructed(raw_data(**OBLIQUE), server.port, capsys)
    assert code == 1
    assert "before it closed the session" in last["detail"]
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (lambda _server, serializer, _stream: serializer.close(), EXIT_BAD_INPUT, "without any"),
        (lambda _s, _z, stream: stream.write(b"\x63\x00"), 1, "sent message 99"),
        (
            lambda _s, _z, stream: stream.write(b"\x05\x00\xff\xff\xff\xff"),
            EXIT_BAD_INPUT,
            "a text of 4294967295 bytes",
        ),
    ],
    ids=["no image", "another protocol", "too long"],
)
def test_what_a_server_must_not_do_is_said(asked_of, answer, code, words):
    ended, last = asked_of(answer)
    assert ended == code
    assert words in last["detail"]


def test_a_file_that_cannot_be_sent_ends_the_job_at_once(raw_data, reconstructed, capsys):
    def without_trajectory(data):
        made = np.zeros(len(data), np.dtype([(n, data.dtype[n]) for n in ("head", "data")]))
        made["head"], made["data"] = data["head"], data["data"]
        return made

    source = edit(raw_data(), without_trajectory)
    with serving() as server:
        code, _, last = reconstructed(source, server.port, capsys)
    assert code == EXIT_BAD_INPUT
    assert "lack ['traj']" in last["detail"]


def test_a_server_that_is_not_there_is_named(raw_data, reconstructed, capsys):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    code, _, last = reconstructed(raw_data(), port, capsys)
    assert code == 1
    assert f"127.0.0.1:{port} cannot be reached" in last["detail"]


def test_a_server_that_stands_still_is_left(raw_data, reconstructed, capsys):
    over = threading.Event()
    with serving(lambda *_: over.wait(60)) as server:
        try:
            code, _, last = reconstructed(raw_data(), server.port, capsys, idle_timeout_s=0.3)
        finally:
            over.set()
    assert code == 1
    assert "Nothing came from the server for 0.3 s" in last["detail"]
