"""Reconstruction by a server: a real one, written with ISMRMRD's own package, over TCP."""

import json
import socket
import threading
from contextlib import contextmanager

import ismrmrd
import numpy as np
import pydicom
import pytest
from ismrmrd.serialization import ConfigFile, ConfigText, ProtocolDeserializer, ProtocolSerializer
from raw_files import Scan
from raw_files import write as write_scan

from scanhub_jobs import reconstruction, server_reconstruction
from scanhub_jobs.command_line import EXIT_BAD_INPUT

OBLIQUE = {
    "read": (0.8, 0.6, 0.0),
    "phase": (-0.6, 0.8, 0.0),
    "positions": [(4.0, -6.0, -10.0), (4.0, -6.0, 0.0), (4.0, -6.0, 12.0)],
}


class ReconstructionServer:
    """Takes one session, and answers with the images of a bare Fourier transform."""

    def __init__(self, answer):
        self.answer = answer
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(60)
        self.port = self.socket.getsockname()[1]
        self.configuration, self.header, self.readouts = None, None, []
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        try:
            connection, _ = self.socket.accept()
        except OSError:
            return  # the job did not come
        with connection, connection.makefile("rwb") as stream:
            for item in ProtocolDeserializer(stream).deserialize():
                if isinstance(item, ConfigFile | ConfigText):
                    self.configuration = item
                elif isinstance(item, ismrmrd.Acquisition):
                    self.readouts.append(item)
                else:
                    self.header = item
            self.answer(self, ProtocolSerializer(stream), stream)

    def images(self):
        """Return an image for each slice, with the place that its readouts state."""
        space = self.header.encoding[0].reconSpace
        size, extent = space.matrixSize, space.fieldOfView_mm
        made = []
        for number in sorted({readout.idx.slice for readout in self.readouts}):
            lines = [readout for readout in self.readouts if readout.idx.slice == number]
            grid = np.zeros((len(lines[0].data), size.y, lines[0].number_of_samples), complex)
            for line in lines:
                grid[:, line.idx.kspace_encode_step_1] = line.data
            axes = (1, 2)
            coils = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(grid, axes), axes=axes), axes)
            surplus = (coils.shape[2] - size.x) // 2
            coils = coils[:, :, surplus : surplus + size.x]
            picture = np.sqrt((abs(coils) ** 2).sum(axis=0)).astype(np.float32)
            image = ismrmrd.Image.from_array(picture, acquisition=lines[0], transpose=False)
            image.image_type = ismrmrd.IMTYPE_MAGNITUDE
            image.field_of_view[:] = (extent.x, extent.y, extent.z)
            image.attribute_string = "<ismrmrdMeta/>"
            made.append(image)
        return made


def send_images(server, serializer, _stream):
    serializer.serialize("reconstructed")
    for image in server.images():
        serializer.serialize(image)
    serializer.close()


@contextmanager
def serving(answer=send_images):
    server = ReconstructionServer(answer)
    try:
        yield server
    finally:
        server.socket.shutdown(socket.SHUT_RDWR)
        server.thread.join()
        server.socket.close()


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
