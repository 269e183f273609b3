"""The listener processes of a service: started, watched, started again.

The service opens the socket and the processes share it. While one is started anew, whoever connects
waits in the queue of the socket instead of being refused.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from pydantic_core import from_json

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom import channel
from workflow_manager.dicom.intake import Handing, Intake
from workflow_manager.dicom.leftovers import Leftovers

logger = get_logger(__name__)
_PROGRAM = ["-m", "workflow_manager.dicom.listener_process"]
_START_S = 60.0
_GRACE_S = 5.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 30.0
_TRIES = 3
"""How often one is started that ends without a word: what killed it may not do so again."""

OnRestart = Callable[[str], Awaitable[None]]
"""Hears why a listener ended that was not told to."""
Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""Answers what a peer asks of the index."""
OnClosed = Callable[[set[tuple[str, str]]], Awaitable[None]]
"""Hears of the series (study, series) of an association that ended cleanly."""


class ListenerError(Exception):
    """A listener does not start; the text says why."""


class SilentListenerError(ListenerError):
    """A listener ended before it said anything: it was killed, or could not be loaded."""


class ListenerProcess:
    """One listener, from process to process."""

    def __init__(
        self,
        options: dict[str, Any],
        sockets: dict[str, socket.socket],
        intake: Intake,
        leftovers: Leftovers,
        *,
        on_restart: OnRestart,
        on_closed: OnClosed,
        answer: Answer,
    ) -> None:
        self._options = options
        self._sockets = sockets
        self._intake = intake
        self._leftovers = leftovers
        self._on_restart = on_restart
        self._on_closed = on_closed
        self._answer = answer
        self._folder = leftovers.new_folder()
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._handing: Handing | None = None
        self._asked: set[asyncio.Task[None]] = set()
        """Queries that wait for an answer, and ends of associations that are noted."""

    @property
    def pid(self) -> int | None:
        """The process that listens now."""
        return None if self._process is None else self._process.pid

    @property
    def listens(self) -> bool:
        """Whether there is a process that listens, and did not end."""
        process = self._process
        return self._writer is not None and process is not None and process.returncode is None

    async def start(self) -> None:
        """Start it; returns when it listens.

        Raises:
            ListenerError: It does not.
        """
        reader = await self._spawn_patiently()
        self._watch = asyncio.create_task(self._run(reader), name="dicom-listener")

    async def stop(self) -> None:
        """End the process, and wait for what it handed over."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        await self._end()

    async def _spawn_patiently(self) -> asyncio.StreamReader:
        for _ in range(_TRIES - 1):
            try:
                return await self._spawn()
            except SilentListenerError as error:
                logger.warning("the DICOM listener is started once more", error=str(error))
                await asyncio.sleep(_FIRST_PAUSE_S)
        return await self._spawn()

    async def _spawn(self) -> asyncio.StreamReader:
        (ours, theirs), (files, their_files) = socket.socketpair(), socket.socketpair()
        ours.setblocking(False)
        numbers = {name: each.fileno() for name, each in self._sockets.items()}
        with theirs, their_files:
            passed = theirs.fileno(), their_files.fileno()
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *_PROGRAM,
                *map(str, (os.getpid(), *passed)),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(*passed, *numbers.values()),
            )
        self._handing = Handing(files, asyncio.get_running_loop(), self._ended)
        self._intake.serve(self._handing)
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=channel.LONGEST_LINE)
        first = {"plain": None, "tls": None, **numbers, "folder": str(self._folder)}
        self._say({**self._options, **first})
        answer = await _first_words(reader)
        if answer is None:
            code = await self._end()
            how = _named(code)
            raise SilentListenerError(
                f"The DICOM listener does not start: it said nothing, and ended with {how}."
            )
        if answer.get("kind") != channel.LISTENING:
            await self._end()
            raise ListenerError(f"The DICOM listener does not start: {answer.get('reason')}")
        return reader

    async def _run(self, reader: asyncio.StreamReader) -> None:
        """Read what it says; when it ends, start another one."""
        pause, loop = _FIRST_PAUSE_S, asyncio.get_running_loop()
        while True:
            began = loop.time()
            reason = await self._read(reader)
            await self._end()
            logger.error("the DICOM listener ended and is started again", reason=reason)
            await self._tell(reason)
            left = await asyncio.to_thread(self._leftovers.whole_files, self._folder)
            indexing = asyncio.create_task(self._leftovers.index(left))
            pause = _FIRST_PAUSE_S if loop.time() - began > _LONGEST_PAUSE_S else pause * 2
            while True:
                await asyncio.sleep(min(pause, _LONGEST_PAUSE_S))
                try:
                    reader = await self._spawn()
                    await indexing
                    break
                except (ListenerError, OSError) as error:
                    logger.error("the DICOM listener does not start", error=str(error))  # noqa: TRY400 - the reason says it
                    pause *= 2

    async def _tell(self, reason: str) -> None:
        try:
            await self._on_restart(reason)
        except Exception as error:  # noqa: BLE001 - receiving goes on without the journal
            logger.warning("the journal did not take it", error=repr(error))

    async def _read(self, reader: asyncio.StreamReader) -> str:
        """Take messages until it ends; return why it did."""
        try:
            while line := await reader.readline():
                self._remember(self._ask(from_json(line)))
        except (OSError, ValueError) as error:
            logger.warning("the DICOM listener cannot be understood", error=repr(error))
        return _named(await self._kill())

    def _remember(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def _ask(self, message: dict[str, Any]) -> None:
        try:
            answer: dict[str, Any] | None = await self._answer(message["question"])
        except Exception as error:
            logger.exception("a query cannot be answered", error=repr(error))
            answer = None
        self._say({"number": message["number"], "answer": answer})

    def _ended(self, series: set[tuple[str, str]], how: str) -> None:
        """An association ended, and what it sent is indexed: tell its series."""
        if how == "released" and series:
            self._remember(self._close(series))

    async def _close(self, series: set[tuple[str, str]]) -> None:
        try:
            await self._on_closed(series)
        except Exception as error:  # noqa: BLE001 - the long quiet time does it too
            logger.warning("the end of an association was not noted", error=repr(error))

    def _say(self, message: dict[str, Any]) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(channel.as_line(message))

    async def _kill(self) -> int:
        """Give it time to end by itself, then end it; return its exit code."""
        process = self._process
        if process is None:
            return 0
        try:
            async with asyncio.timeout(_GRACE_S):
                return await process.wait()
        except TimeoutError:
            process.kill()
            return await process.wait()

    async def _end(self) -> int:
        """Close the channel, wait for process and files, and clear what was half written."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        code = await self._kill()
        if self._handing is not None:
            await self._handing.drained.wait()
            self._handing = None
        if self._asked:
            await asyncio.wait(set(self._asked))
        await asyncio.to_thread(self._leftovers.remove_parts, self._folder)
        return code


async def _first_words(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """Return what a listener says first; None: it ended, or has said nothing for long.

    One that ends before it has read what it was told resets the connection: to whoever waits for
    its word that is an error, and no end of the stream.
    """
    try:
        async with asyncio.timeout(_START_S):
            line = await reader.readline()
    except (TimeoutError, ConnectionError):
        return None
    words: dict[str, Any] | None = from_json(line) if line else None
    return words


def _named(code: int) -> str:
    """Name how a process ended."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"
