"""The preview job: ``python -m scanhub_jobs.preview``.

It follows a file that grows, messages of the MRD streaming protocol, and writes each Cartesian
image as PNG as soon as its last line has come, reconstructed as the whole file will be by default,
but for noise that was measured. It speaks JSON lines on standard output: one for each image, and at
the end one result or one error.
"""

import argparse
import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from scanhub_jobs.cartesian import VOLUME_COUNTERS, ImageSlice, reconstruct_volume
from scanhub_jobs.encoding import Encoding, cartesian_encoding
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.mr_dicom import display_window
from scanhub_jobs.mrd_stream import MrdStream, StreamedReadout
from scanhub_jobs.png import grey_png
from scanhub_jobs.raw_data import RawData, image_mask
from scanhub_jobs.reconstruction import EXIT_BAD_INPUT, say

NOTICE = "Preview, not for diagnosis"
INDEX = "index.json"
_LOOK_S = 0.1
_BLOCK_BYTES = 4 << 20
# ISMRMRD's flags by bit number: the last readout of a slice, a repetition, the measurement.
_LAST = sum(1 << (flag - 1) for flag in (8, 14, 25))
_WHITE = 255
_OVERHEAD_BYTES = 2048  # of a readout in Python
_VOXEL_BYTES = 8
_NICENESS = 5  # beside that of every job: final images go first
Key = tuple[int, ...]


@dataclass
class _Volume:
    """The readouts of an image that is not whole yet."""

    readouts: list[StreamedReadout] = field(default_factory=list)
    lines: set[tuple[int, int]] = field(default_factory=set)
    size_bytes: int = 0


class Previews:
    """Gathers readouts, and makes an image of those that belong together when all have come.

    Args:
        most_bytes: The most that readouts of images that are not whole may have together.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held_bytes = 0
        self._volumes: dict[Key, _Volume] = {}
        self._made: set[Key] = set()
        self._stream = MrdStream()
        self._encoding: Encoding | None = None
        self._not_image = int(image_mask())

    @property
    def closed(self) -> bool:
        """Whether the stream has ended as it should."""
        return self._stream.closed

    def feed(self, data: bytes) -> Iterator[tuple[Key, ImageSlice]]:
        """Take what has come; yield the images that are whole now, with their counters.

        Raises:
            JobInputError: No image can be made of this stream.
        """
        for readout in self._stream.feed(data):
            yield from self._take(readout)

    def _take(self, readout: StreamedReadout) -> Iterator[tuple[Key, ImageSlice]]:
        flags = int(readout.head["flags"])
        if flags & self._not_image or self._stream.header is None:
            return
        if self._encoding is None:
            self._encoding = cartesian_encoding(self._stream.header)
            self._check_size(self._encoding, coils=len(readout.samples))
        if readout.head["encoding_space_ref"] != 0:
            raise JobInputError("The stream mixes several encodings; this job handles one.")
        counters = readout.head["idx"]
        key = tuple(int(counters[name]) for name in VOLUME_COUNTERS)
        if key in self._made:  # a further average: the whole file will have it
            return
        self._hold(key, readout)
        if flags & _LAST or self._is_complete(key):
            image = self._reconstruct(key)
            if image is not None:
                yield key, image

    def _check_size(self, encoding: Encoding, *, coils: int) -> None:
        x, y, z = encoding.matrix
        if x * y * z * coils * _VOXEL_BYTES > self._most_bytes:
            raise JobInputError(f"The matrix {x} x {y} x {z} is too large for a preview.")

    def _hold(self, key: Key, readout: StreamedReadout) -> None:
        volume = self._volumes.setdefault(key, _Volume())
        volume.readouts.append(readout)
        counters, size = readout.head["idx"], readout.samples.nbytes + _OVERHEAD_BYTES
        volume.lines.add(
            (int(counters["kspace_encode_step_1"]), int(counters["kspace_encode_step_2"]))
        )
        volume.size_bytes += size
        self._held_bytes += size
        if self._held_bytes > self._most_bytes:
            raise JobInputError(
                f"More than {self._most_bytes} bytes belong to images that are not whole yet: "
                "too much for a preview."
            )

    def _is_complete(self, key: Key) -> bool:
        header, encoding = self._stream.header, self._encoding
        if header is None or encoding is None:
            return False
        lines, partitions = header.lines
        awaited = (lines or encoding.matrix[1]) * (partitions or encoding.matrix[2])
        return len(self._volumes[key].lines) >= awaited

    def _reconstruct(self, key: Key) -> ImageSlice | None:
        """Return the image, of a slab the one in the middle; None: more of it has to come."""
        header, encoding, volume = self._stream.header, self._encoding, self._volumes[key]
        if header is None or encoding is None:
            return None
        heads = np.array([readout.head for readout in volume.readouts])
        raw = RawData(header, heads, [readout.samples for readout in volume.readouts])
        try:
            slices = reconstruct_volume(raw, encoding, key, list(range(len(heads))), [])
        except JobInputError:
            if self._is_complete(key):
                raise
            return None  # a flag that says last, and is not
        self._held_bytes -= volume.size_bytes
        del self._volumes[key]
        self._made.add(key)
        return slices[len(slices) // 2]


def follow(path: Path) -> Iterator[bytes]:
    """Yield what is in a file and what is added to it, until it is removed.

    It is opened for each look: on a network file system, what others have written is seen then.
    """
    place = 0
    while True:
        try:
            with path.open("rb", buffering=0) as file:
                file.seek(place)
                data = file.read(_BLOCK_BYTES)
        except FileNotFoundError:
            return
        place += len(data)
        if data:
            yield data
        else:
            time.sleep(_LOOK_S)


def preview_png(image: ImageSlice) -> bytes:
    """Return an image as PNG, with a window of its own."""
    scale, (centre, width) = display_window([image.pixels])
    grey = (image.pixels * scale - (centre - width / 2)) / width
    return grey_png((np.clip(grey, 0, 1) * _WHITE).astype(np.uint8), NOTICE)


class Album:
    """The folder with the newest images, and a list of them in `index.json`."""

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder = folder
        self._keep = keep
        self._kept: deque[dict[str, Any]] = deque()
        self.count = 0

    def add(self, key: Key, image: ImageSlice) -> dict[str, Any]:
        """Add an image, and remove the oldest if there are too many; return what is known of it."""
        self.count += 1
        rows, columns = image.pixels.shape
        about = {
            "number": self.count,
            "rows": rows,
            "columns": columns,
            **dict(zip(VOLUME_COUNTERS, key, strict=True)),
            "made_at": datetime.now(UTC).isoformat(),
        }
        _put(self._folder / f"{self.count}.png", preview_png(image))
        self._kept.append(about)
        gone = self._kept.popleft() if len(self._kept) > self._keep else None
        _put(self._folder / INDEX, json.dumps(list(self._kept)).encode())
        if gone is not None:
            (self._folder / f"{gone['number']}.png").unlink(missing_ok=True)
        return about


def _put(path: Path, data: bytes) -> None:
    """Write a file; it is there whole, or not at all."""
    beside = path.with_name(f".{path.name}.part")
    beside.write_bytes(data)
    beside.rename(path)


def run(source: Path, output: Path, *, most_bytes: int, keep: int) -> int:
    """Follow a stream to its end; return how many images there were."""
    previews, album = Previews(most_bytes), Album(output, keep)
    for data in follow(source):
        for key, image in previews.feed(data):
            say(event="preview", **album.add(key, image))
        if previews.closed:
            break
    say(event="result", images=album.count, whole=previews.closed)
    return album.count


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scanhub_jobs.preview", description=__doc__)
    parser.add_argument("--input", type=Path, required=True, help="file that grows")
    parser.add_argument("--output", type=Path, required=True, help="folder for the images")
    parser.add_argument("--most-bytes", type=int, default=1 << 30, help="memory for readouts")
    parser.add_argument("--keep", type=int, default=64, help="images that are kept, the newest")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the job; the exit code tells whether the input was at fault."""
    options = _arguments(arguments)
    try:
        run(options.input, options.output, most_bytes=options.most_bytes, keep=options.keep)
    except JobInputError as error:
        say(event="error", detail=str(error), input_at_fault=True)
        return EXIT_BAD_INPUT
    except OSError as error:
        say(event="error", detail=f"The preview cannot be written: {error}", input_at_fault=False)
        return 1
    return 0


if __name__ == "__main__":
    os.nice(_NICENESS)
    sys.exit(main())
