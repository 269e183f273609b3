"""Files of one series on their way from a source to the index, or into a folder.

They lie in a folder of their retrieval, apart from what the listener receives: what a crash leaves
there is fetched again, and never decided on without the rule that was to be forced.
"""

import asyncio
import errno
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from uuid import UUID

from scanhub_libraries.lake import LocalLake
from workflow_manager.dicom.entries import Origin, Outcome
from workflow_manager.dicom.files import checksum
from workflow_manager.dicom.incoming import (
    Durability,
    IncomingFile,
    IncomingFolder,
    Peer,
    Written,
    file_meta,
)
from workflow_manager.dicom.part10 import Header, read_header, read_received
from workflow_manager.dicom.receiving import Arrived, Receiving
from workflow_manager.dicom.rules import NotStorableError
from workflow_manager.dicom.service import Stored
from workflow_manager.room import look

FOLDER = "dicom/retrievals"
_AT_ONCE = 64
"""Files whose index waits for its commit."""


class Inbox:
    """Takes files in the thread that fetches them, and hands them on.

    Args:
        folder: Empty, and nobody else's.
        receiving: What puts them into the index; None: they stay here, to be delivered.
        origin: Where they come from.
        durability: What has happened to a file when it is handed on.
        least_free_bytes: With less room on the disk nothing is taken [byte].
    """

    def __init__(
        self,
        folder: Path,
        receiving: Receiving | None,
        origin: Origin,
        durability: Durability,
        *,
        least_free_bytes: int,
    ) -> None:
        self.folder = folder
        self._files = IncomingFolder(folder, durability)
        self._receiving = receiving
        self._origin = origin
        self._least_free_bytes = least_free_bytes
        self._peer = Peer(origin.source, origin.receiver_aet, origin.sender_address)
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Future[Stored]] = deque()
        self._safe: set[str] = set()
        self.aside = 0
        """Files that were kept aside: in conflict, or no images."""
        self.problem = ""
        """Why the last file that could not be taken was not."""

    @property
    def came(self) -> int:
        """How many images are safe."""
        return len(self._safe)

    def check_room(self) -> None:
        """Leave the last of the disk to what others send here; a source keeps what it has.

        Raises:
            OSError: There is too little room.
        """
        if look(self.folder).free < self._least_free_bytes:
            raise OSError(errno.ENOSPC, "too little room is left")

    def begin(
        self, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str
    ) -> IncomingFile:
        """Begin a file for a data set that comes; raises OSError when the disk is full."""
        self.check_room()
        meta = file_meta(sop_class_uid, sop_instance_uid, transfer_syntax_uid, self._peer)
        return self._files.open(meta, transfer_syntax_uid)

    def end(self, file: IncomingFile, transfer_syntax_uid: str) -> None:
        """Hand on a file that is whole; raises OSError when the disk is full."""
        try:
            written = file.finish()
            file.sync()
            file.close()
        except BaseException:
            file.discard()
            raise
        self._hand_on(_read_written(written, transfer_syntax_uid, self._origin))

    def take_file(self, path: Path) -> None:
        """Hand on a whole file that lies in the folder of this inbox."""
        self._hand_on(_read_file(path, self._origin))

    def _hand_on(self, arrived: Arrived) -> None:
        if self._receiving is None:
            self._keep(arrived)
            return
        while len(self._waiting) >= _AT_ONCE:
            self._count(self._waiting.popleft().result())
        storing = asyncio.run_coroutine_threadsafe(self._receiving.store(arrived), self._loop)
        self._waiting.append(storing)

    def _keep(self, arrived: Arrived) -> None:
        """Let a file wait to be delivered, under the name that it gets there."""
        if arrived.header is None:
            self.problem = arrived.problem
            self.aside += 1
            arrived.path.unlink()
            return
        whole = self.folder / "whole" / _place_of(arrived.header)
        whole.parent.mkdir(parents=True, exist_ok=True)
        arrived.path.rename(whole)
        self._safe.add(arrived.header.sop_instance_uid)

    def _count(self, stored: Stored) -> None:
        taken = stored.outcome in {Outcome.STORED, Outcome.DUPLICATE}
        if taken and stored.header is not None:
            self._safe.add(stored.header.sop_instance_uid)
        else:
            self.aside += 1
            self.problem = stored.detail

    def finish(self) -> None:
        """Wait until all that was handed on is safe; in the thread that fetched it.

        Raises:
            Exception: Something could not be stored.
        """
        while self._waiting:
            self._count(self._waiting.popleft().result())


def folder_of(lake: LocalLake, retrieval_id: UUID, number: int) -> Path:
    """Return where the files of an accession number lie while they are fetched."""
    return lake.root / FOLDER / str(retrieval_id) / str(number)


def _place_of(header: Header) -> Path:
    return (
        Path(header.study_instance_uid)
        / header.series_instance_uid
        / f"{header.sop_instance_uid}.dcm"
    )


def _read_written(written: Written, transfer_syntax_uid: str, origin: Origin) -> Arrived:
    try:
        header = read_received(written, transfer_syntax_uid)
    except NotStorableError as error:
        return Arrived(written.path, origin, checksum(written.path), None, str(error))
    return Arrived(written.path, origin, written.sha256, header)


def _read_file(path: Path, origin: Origin) -> Arrived:
    try:
        header = read_header(path)
    except NotStorableError as error:
        return Arrived(path, origin, checksum(path), None, str(error))
    return Arrived(path, origin, header.sha256, header)
