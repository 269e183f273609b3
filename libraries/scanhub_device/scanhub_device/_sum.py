"""The SHA-256 of a file: known before it is sent, or worked out while it is."""

import hashlib
import threading
from concurrent.futures import Future
from pathlib import Path

from scanhub_device.messages import FileTransfer


class Checksum:
    """The sum of one file. If it is not known, a thread reads the file, beside all else.

    What is sent is read a second time, out of memory as a rule. Should it differ by then, the
    server finds that the sum is wrong.
    """

    def __init__(self, path: Path, known: str | None) -> None:
        self._path = path
        self._sum: Future[str] = Future()
        if known is not None:
            self._sum.set_result(known)
        else:
            threading.Thread(target=self._read, name=f"sum of {path.name}", daemon=True).start()

    def _read(self) -> None:
        try:
            with self._path.open("rb") as file:
                self._sum.set_result(hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            self._sum.set_exception(error)

    def wait(self) -> str:
        """Return it, hexadecimal; blocks until it is known.

        Raises:
            OSError: the file cannot be read.
        """
        return self._sum.result()

    def trailer(self) -> bytes:
        """Return it as it comes behind the file; blocks until it is known."""
        return bytes.fromhex(self.wait())


def with_sum(header: FileTransfer, checksum: Checksum) -> FileTransfer:
    """Return a header that says the sum; blocks until it is known."""
    return header.model_copy(update={"sha256": checksum.wait(), "trailer": None})


def with_trailer(header: FileTransfer) -> FileTransfer:
    """Return a header of a file whose sum comes behind it."""
    return header.model_copy(update={"sha256": None, "trailer": "sha256"})
