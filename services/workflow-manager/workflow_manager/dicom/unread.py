"""Files whose header nobody has read: their listener answered first, and the index reads later."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workflow_manager.dicom.extra_tags import with_extra_tags
from workflow_manager.dicom.image import image_of
from workflow_manager.dicom.incoming import HEAD_BYTES, Written
from workflow_manager.dicom.part10 import read_received
from workflow_manager.dicom.rules import NotStorableError

_ROOM = 2**20


class Reader:
    """Reads them, one after the other, in one thread."""

    def __init__(self, extra_tags: Sequence[str]) -> None:
        self._extra_tags = extra_tags
        self._room = memoryview(bytearray(_ROOM))
        """Memory of a large size costs more to get than to fill."""

    def read(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return a message with what stands in the header of its file, or why nothing does.

        Raises:
            OSError: The file cannot be read.
        """
        written = self._look_through(message["path"], message["syntax"], message["offset"])
        image, problem = None, ""
        try:
            header = read_received(written, message["syntax"])
            if self._extra_tags:
                header = with_extra_tags(written.path, header, self._extra_tags)
            image = image_of(header)
        except NotStorableError as error:
            problem = str(error)
        return {**message, "image": image, "problem": problem, "sha256": written.sha256}

    def _look_through(self, place: str, transfer_syntax_uid: str, offset: int) -> Written:
        digest, room = hashlib.sha256(transfer_syntax_uid.encode()), self._room
        with Path(place).open("rb", buffering=0) as file:
            size = file.readinto(room) or 0
            head = bytes(room[offset : min(size, offset + HEAD_BYTES)])
            digest.update(room[offset:size])
            while count := file.readinto(room):
                digest.update(room[:count])
                size += count
        return Written(place, head, offset, digest.hexdigest(), size)
