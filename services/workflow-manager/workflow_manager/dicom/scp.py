"""A DICOM node of this process, for demonstrations and tests: each instance goes to a function."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workflow_manager.dicom.incoming import Durability
from workflow_manager.dicom.listener import ListenerOptions, ReceivedFile, StoreListener
from workflow_manager.dicom.transport import listen


@dataclass(frozen=True, slots=True)
class Received:
    """One C-STORE request."""

    calling_ae: str
    address: str
    data: bytes
    """A DICOM file: preamble and file meta of ours, the data set as it came."""


Handler = Callable[[Received], int]
"""Takes an instance and returns the DICOM status; called in the association's thread."""


class DicomListener:
    """Listens in threads of its own; the handler decides what becomes of an instance."""

    def __init__(
        self, *, ae_title: str, host: str, port: int, handler: Handler, timeout_s: float = 30.0
    ) -> None:
        self._handler = handler
        self._address = (host, port)
        self._folder = tempfile.TemporaryDirectory(prefix="dicom-node-")
        options = ListenerOptions(
            ae_title=ae_title,
            folder=Path(self._folder.name),
            durability=Durability.UNSYNCED,
            timeout_s=timeout_s,
        )
        self._listener = StoreListener(options, self._store)

    @property
    def port(self) -> int:
        """The port that the system gave, where 0 was asked for."""
        return self._listener.port

    def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        self._listener.start(listen(*self._address))

    def stop(self) -> None:
        """Stop listening and end the associations."""
        self._listener.stop()
        self._folder.cleanup()

    def _store(self, received: ReceivedFile) -> tuple[int, str]:
        data = received.file.path.read_bytes()
        received.file.path.unlink()
        peer = received.peer
        return self._handler(Received(peer.calling_ae, peer.address, data)), ""
