"""A server that reconstructs, written with ISMRMRD's own package."""

import socket
import threading
from contextlib import contextmanager, suppress

import ismrmrd
import numpy as np
from ismrmrd.serialization import ConfigFile, ConfigText, ProtocolDeserializer, ProtocolSerializer


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
        with connection, connection.makefile("rwb") as stream, suppress(EOFError):
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
