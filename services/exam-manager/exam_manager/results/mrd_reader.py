"""Read ISMRMRD files in processes of their own, which are kept: a damaged file may crash HDF5.

Each process has a thread that waits for it. These threads are the reader's own: were they those of
the event loop, a few slow files would keep everything else waiting that needs a thread.
"""

import asyncio
import os
import pickle
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from scanhub_libraries.errors import ScanHubError, UnavailableError, UnprocessableError

_SECONDS = 30
_GRACE_SECONDS = 5
"""After which a process that did not end by itself is ended."""
_MEMORY = 4 * 2**30
_AT_ONCE = 2
_MOST_WAITING = 64
_FROM_OUTSIDE = frozenset({-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP})
T = TypeVar("T")
Worker = subprocess.Popen[bytes]


class MRDReader:
    """Up to two processes that read, and the requests that wait for them."""

    def __init__(self, seconds: int = _SECONDS, memory: int = _MEMORY) -> None:
        self._seconds = seconds
        self._command = (
            *(sys.executable, "-I", "-m", "exam_manager.results.mrd_worker"),
            *(str(seconds), str(memory)),
        )
        self._threads = ThreadPoolExecutor(_AT_ONCE, "raw-data")
        self._inside = 0
        self._closing = False
        self._idle: list[Worker] = []
        self._all: list[Worker] = []
        self._end_all = weakref.finalize(self, _end, self._all)

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a function that reads files, in a thread of the reader.

        Raises:
            UnavailableError: So many requests wait already that one more makes no sense.
        """
        if self._inside >= _AT_ONCE + _MOST_WAITING:
            raise UnavailableError(
                "Too many requests read raw data at this moment: try again.", retry_after=2
            )
        return await self._run(function, *arguments)

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        self._inside += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, function, *arguments)
        finally:
            self._inside -= 1

    async def stream(self, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
        """Yield what an iterator reads, each piece in a thread of the reader.

        An answer that has begun is not refused: its pieces wait for their turn.
        """
        while (piece := await self._run(next, pieces, None)) is not None:
            yield piece

    def close(self) -> None:
        """End the processes; what reads at this moment is refused."""
        self._closing = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in list(self._all):
            worker.kill()
        self._threads.shutdown()  # each thread closes the streams that it reads
        self._end_all()

    def __call__(self, path: Path, name: str, *arguments: Any) -> Any:
        """Return what a read of a file gives; to be called in a thread of the reader.

        Raises:
            UnprocessableError: The file is damaged.
            UnavailableError: The process was ended by somebody else.
        """
        with self._worker(path.name) as worker:
            answer = _ask(worker, (path, name, arguments), self._seconds + _GRACE_SECONDS)
        if isinstance(answer, ScanHubError):
            raise answer
        return answer

    @contextmanager
    def _worker(self, name: str) -> Iterator[Worker]:
        """Lend a process; one that does not answer is ended, and the next one is new."""
        worker = self._take()
        try:
            yield worker
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            ended = worker.wait() if isinstance(error, EOFError | BrokenPipeError) else None
            self._forget(worker)
            if ended in _FROM_OUTSIDE:
                raise UnavailableError(
                    f"The process that read {name} was ended from outside: try again.",
                    retry_after=1,
                ) from error
            raise UnprocessableError(
                f"{name} cannot be read as ISMRMRD: it is damaged, or takes too long. "
                "Upload the raw data again."
            ) from error
        except BaseException:
            self._forget(worker)
            raise
        self._idle.append(worker)

    def _forget(self, worker: Worker) -> None:
        with suppress(ValueError):
            self._all.remove(worker)
        _end([worker])

    def _take(self) -> Worker:
        while self._idle:
            with suppress(IndexError):
                worker = self._idle.pop()
                if worker.poll() is None:
                    return worker
                self._forget(worker)
        if self._closing:
            raise UnavailableError("The service stops.")
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        worker = subprocess.Popen(  # noqa: S603 - the program is ours
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        self._all.append(worker)
        return worker


def _ask(worker: Worker, request: Any, seconds: float) -> Any:
    if worker.stdin is None or worker.stdout is None:
        raise OSError("the process has no streams")
    late = threading.Event()
    watch = threading.Timer(seconds, _end_late, (worker, late))
    watch.daemon = True
    watch.start()
    try:
        pickle.dump(request, worker.stdin, pickle.HIGHEST_PROTOCOL)
        worker.stdin.flush()
        return pickle.load(worker.stdout)  # noqa: S301 - from the process that we started
    except (EOFError, OSError) as error:
        if late.is_set():
            raise TimeoutError("the process did not answer") from error
        raise
    finally:
        watch.cancel()


def _end_late(worker: Worker, late: threading.Event) -> None:
    late.set()
    worker.kill()


def _end(workers: list[Worker]) -> None:
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
