"""Read ISMRMRD files in processes of their own, which are kept: a damaged file may crash HDF5."""

import os
import pickle
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanhub_libraries.errors import ScanHubError, UnprocessableError

_SECONDS = 30
_MEMORY = 4 * 2**30
_AT_ONCE = 2


class MRDReader:
    """Up to two processes that read; each request may take a thread, so call it from one."""

    def __init__(self, seconds: int = _SECONDS, memory: int = _MEMORY) -> None:
        self._command = (
            *(sys.executable, "-I", "-m", "exam_manager.results.mrd_worker"),
            *(str(seconds), str(memory)),
        )
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        self._idle: list[subprocess.Popen[bytes]] = []
        self.close = weakref.finalize(self, _end, self._idle)

    def __call__(self, path: Path, name: str, *arguments: Any) -> Any:
        """Return what a read of a file gives.

        Raises:
            UnprocessableError: The file is damaged.
        """
        with self._places:
            worker = self._take()
            try:
                answer = _ask(worker, (path, name, arguments))
            except (EOFError, OSError, pickle.UnpicklingError) as error:
                _end([worker])
                raise UnprocessableError(
                    f"{path.name} cannot be read as ISMRMRD: it is damaged, or takes too long. "
                    "Upload the raw data again."
                ) from error
            except BaseException:
                _end([worker])
                raise
            self._idle.append(worker)
        if isinstance(answer, ScanHubError):
            raise answer
        return answer

    def _take(self) -> subprocess.Popen[bytes]:
        while self._idle:
            with suppress(IndexError):
                worker = self._idle.pop()
                if worker.poll() is None:
                    return worker
                _end([worker])
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        return subprocess.Popen(  # noqa: S603 - the program is ours
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )


def _ask(worker: subprocess.Popen[bytes], request: Any) -> Any:
    if worker.stdin is None or worker.stdout is None:
        raise OSError("the process has no streams")
    pickle.dump(request, worker.stdin, pickle.HIGHEST_PROTOCOL)
    worker.stdin.flush()
    return pickle.load(worker.stdout)  # noqa: S301 - from the process that we started


def _end(workers: list[subprocess.Popen[bytes]]) -> None:
    while workers:
        worker = workers.pop()
        worker.kill()
        worker.wait()
        for stream in (worker.stdin, worker.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


@dataclass(frozen=True, slots=True)
class MRDFile:
    """A file of raw data in the lake, read apart."""

    path: Path
    reader: MRDReader

    def count(self) -> int:
        """Return how many readouts there are."""
        return int(self.reader(self.path, "count"))

    def heads(self, first: int, count: int) -> NDArray[np.void]:
        """Return the headers of readouts from the first one on, without their samples."""
        heads: NDArray[np.void] = self.reader(self.path, "heads", first, count)
        return heads

    def heads_of(self, ids: NDArray[np.int64]) -> NDArray[np.void]:
        """Return the headers of these readouts, in their order."""
        heads: NDArray[np.void] = self.reader(self.path, "heads_of", ids)
        return heads

    def samples(self, ids: NDArray[np.int64], heads: NDArray[np.void]) -> list[NDArray[Any]]:
        """Return the samples of these readouts: complex64, [coil, sample]."""
        samples: list[NDArray[Any]] = self.reader(self.path, "samples", ids, heads)
        return samples

    def header(self) -> bytes:
        """Return the XML header; empty if there is none."""
        return bytes(self.reader(self.path, "header"))
