"""A process that transcodes: `python -m workflow_manager.senders.transcode_process FOLDER BYTES`.

Codecs are code of others that reads what anybody may have sent: what they do wrong ends this
process, and no other. It has memory for an image of so many bytes and no more. Every line that it
reads is an image to transcode; it ends with whoever started it, and removes the folder then.
"""

import hashlib
import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels.utils import compress, decompress, iter_pixels
from pydicom.uid import UID, ExplicitVRBigEndian, ImplicitVRLittleEndian

from workflow_manager.senders import jpeg_ls

_PIXELS = "PixelData"
_OTHER_PIXELS = ("FloatPixelData", "DoubleFloatPixelData")
_OFFSETS = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")
_COPIES = 6
"""So often an image may be in memory: stored, decoded, encoded, written."""
_PROGRAM_BYTES = 2 * 2**30
"""Address space of the program and its libraries; most of it is never touched."""


class NoPixelsError(Exception):
    """There is nothing that an encoding of images could be for."""


class RefusedError(Exception):
    """It is not transcoded; the text says why, and nothing of whose image it is."""


def transcode(source: Path, destination: Path, syntax: str, most_bytes: int) -> None:
    """Write an instance in another transfer syntax; the pixels stay what they are.

    The SOP Instance UID stays too: it is the same image (PS3.4 section B.4.1).

    Args:
        source: A DICOM file.
        destination: Where to.
        syntax: Transfer Syntax UID; one that loses nothing.
        most_bytes: Largest image, decoded [byte].

    Raises:
        NoPixelsError: It has no pixels, and the syntax is one of images.
        RefusedError: It cannot be done, or something would be lost.
    """
    if source.stat().st_size > most_bytes:
        raise RefusedError(_too_large(most_bytes))
    dataset = pydicom.dcmread(source)
    wanted, stored = UID(syntax), UID(dataset.file_meta.TransferSyntaxUID)
    if stored == ExplicitVRBigEndian:
        raise RefusedError("it is stored as Explicit VR Big Endian, which is not transcoded.")
    if _PIXELS not in dataset:
        if wanted.is_encapsulated or any(name in dataset for name in _OTHER_PIXELS):
            raise NoPixelsError
    else:
        _check(dataset, most_bytes)
        if stored.is_encapsulated:
            _decode(dataset)
        if wanted.is_encapsulated:
            _encode(dataset, wanted)
    dataset.file_meta.TransferSyntaxUID = wanted
    implicit = wanted == ImplicitVRLittleEndian
    pydicom.dcmwrite(
        destination, dataset, implicit_vr=implicit, little_endian=True, enforce_file_format=True
    )


def _check(dataset: Dataset, most_bytes: int) -> None:
    size = dataset.Rows * dataset.Columns * dataset.get("SamplesPerPixel", 1)
    size *= int(dataset.get("NumberOfFrames") or 1) * max(dataset.BitsAllocated, 8) // 8
    if size > most_bytes:
        raise RefusedError(_too_large(most_bytes))
    icons = [item for item in dataset.get("IconImageSequence") or [] if _PIXELS in item]
    if any(item[_PIXELS].is_undefined_length for item in icons):
        raise RefusedError("its icon is compressed, which is not transcoded.")


def _too_large(most_bytes: int) -> str:
    return f"its pixel data are larger than {most_bytes} bytes (SCANHUB_WORKFLOW_TRANSCODE_BYTES)."


def _decode(dataset: Dataset) -> None:
    """Decode in place; colours as they are coded, since a conversion would round them."""
    name = UID(dataset.file_meta.TransferSyntaxUID).name
    try:
        decompress(dataset, as_rgb=False, generate_instance_uid=False)
    except (AttributeError, NotImplementedError, RuntimeError, ValueError) as error:
        reason = f"its pixel data ({name}) cannot be decoded here ({type(error).__name__})."
        raise RefusedError(reason) from error
    for keyword in _OFFSETS:
        if keyword in dataset:
            del dataset[keyword]


def _encode(dataset: Dataset, wanted: UID) -> None:
    """Encode in place, and decode again to see that nothing was lost."""
    try:
        before = list(_digests(dataset))
        compress(dataset, wanted, generate_instance_uid=False)
        same = before == list(_digests(dataset))
    except (AttributeError, NotImplementedError, RuntimeError, ValueError) as error:
        reason = f"its pixel data cannot be encoded as {wanted.name} ({type(error).__name__})."
        raise RefusedError(reason) from error
    if not same:
        raise RefusedError(f"its pixels would not be the same as {wanted.name}.")


def _digests(dataset: Dataset) -> Iterator[bytes]:
    for frame in iter_pixels(dataset, raw=True):
        yield hashlib.sha256(frame.tobytes()).digest()


def _answer(wanted: dict[str, Any], destination: Path, most_bytes: int) -> dict[str, Any]:
    try:
        transcode(Path(wanted["source"]), destination, wanted["syntax"], most_bytes)
    except NoPixelsError:
        return {"as_it_is": True}
    except RefusedError as error:
        return {"problem": str(error)}
    except MemoryError:
        return {"problem": "there is not enough memory for it."}
    except Exception as error:  # noqa: BLE001 - one bad image must not cost the others
        return {"problem": f"it cannot be read or written ({type(error).__name__})."}
    return {"path": str(destination)}


def main() -> int:
    """Transcode until nobody asks any more."""
    folder, most_bytes = Path(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's; who started us decides
    with suppress(OSError, ValueError):  # there is a lower limit already
        memory = _PROGRAM_BYTES + _COPIES * most_bytes
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with suppress(OSError):
        os.nice(5)
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    jpeg_ls.register()
    destination = folder / "image.dcm"
    try:
        for line in sys.stdin:
            destination.unlink(missing_ok=True)
            answer = _answer(json.loads(line), destination, most_bytes)
            sys.stdout.write(f"{json.dumps(answer)}\n")
            sys.stdout.flush()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
