"""Starts Python programs in processes of their own, each by a fork of one that has imported all.

A server of ours imports for longer than it takes to start. Each worker of pytest has one process
that has done so, and whatever it is asked to run begins in a fork of it: a process that is killed,
stopped and restarted as any other, with arguments, environment and output of its own. What such a
server starts itself, such as a listener or a job, is a fork too where `create_subprocess` stands
for what starts processes.

What the interpreter itself does before the first line of a program (as with `-I`) is not shown by
this: tests of that start a Python. In CI, whatever a service starts is a Python of its own.
"""

import asyncio
import atexit
import ctypes
import fcntl
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

from forked import run_to_its_end

LOADED = (
    "asyncpg",
    "aiosqlite",
    "dbos",
    "ismrmrd",
    "numpy",
    "scanhub.cli",
    "scanhub.server",
    "scanhub_jobs.platform.worker",
    "scanhub_jobs.reconstruction",
    "scanhub_jobs.supervised",
    "scanhub_device.simulator",
    "scanhub_device.simulator.run",
    "uvicorn.loops.uvloop",
    "uvicorn.lifespan.on",
    "workflow_manager.dicom.listener_process",
)
_PR_SET_PDEATHSIG = 1
_MOST_FILES = 64
_READY = b"1"
_KEPT, _MOVED = 500, 600
"""Numbers of open files that no program is given."""
_STREAMS = ("stdin", "stdout", "stderr")
_INTERPRETER = {"-I", "-X", "utf8"}
"""What may stand before the module; a fork has its imports and its environment from elsewhere."""
_OPTIONS = {*_STREAMS, "env", "limit", "pass_fds", "start_new_session"}
start_python = asyncio.subprocess.create_subprocess_exec


class _Output(asyncio.StreamReaderProtocol):
    """What a program writes; its stream is closed when the program has ended."""

    def eof_received(self) -> bool:
        super().eof_received()
        return False


class Program:
    """A process, much as `asyncio.subprocess.Process` is one; it may outlive the loop."""

    def __init__(self, pid: int, news: socket.socket) -> None:
        self.pid = pid
        self.stdin: asyncio.StreamWriter | None = None
        self.stdout: asyncio.StreamReader | None = None
        self.stderr: asyncio.StreamReader | None = None
        self._news = news
        self._code: int | None = None
        self._waiting = asyncio.Lock()

    def __del__(self) -> None:
        self._news.close()  # nobody waited for the end
        if self._code is not None and self.stdin is not None:
            with suppress(RuntimeError):  # the loop is closed
                self.stdin.close()  # it has ended, and the loop may not have read so yet

    @property
    def returncode(self) -> int | None:
        if self._code is None:
            with suppress(BlockingIOError):
                self._end(self._news.recv(64))
        return self._code

    async def wait(self) -> int:
        async with self._waiting:
            if self.returncode is None:
                self._end(await asyncio.get_running_loop().sock_recv(self._news, 64))
        assert self._code is not None
        return self._code

    def _end(self, said: bytes) -> None:
        self._code = int(said)
        self._news.close()

    async def communicate(self, given: bytes | None = None) -> tuple[bytes | None, bytes | None]:
        """Say all there is to say and hear all that it says, until it ends."""
        if self.stdin is not None:
            with suppress(BrokenPipeError, ConnectionResetError):
                self.stdin.write(given or b"")
                await self.stdin.drain()
            self.stdin.close()
        said = await asyncio.gather(*(_all_of(one) for one in (self.stdout, self.stderr)))
        await self.wait()
        return said[0], said[1]

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


async def _all_of(stream: asyncio.StreamReader | None) -> bytes | None:
    return None if stream is None else await stream.read()


# --- whoever starts a program ---------------------------------------------------------------------


async def start_program(
    *arguments: str | Path,
    env: Mapping[str, str] | None = None,
    talks: bool = False,
    log: IO[bytes] | None = None,
) -> Program:
    """Run `python ARGUMENTS`: a script or `-m` and a module, and what it is given.

    It leads a session of its own. What it writes goes into the log, or where pytest looks for it.
    With `talks`, its input and its standard output are the streams of the result.
    """
    ours, its = socket.socketpair()
    error = log.fileno() if log else 2
    with its:
        files = {1: error if log else 1, 2: error}
        if talks:
            files |= dict.fromkeys((0, 1), its.fileno())
        told = {"arguments": [str(each) for each in arguments], "leads": True}
        program = await _ask(told, files, env=env)
    if talks:
        program.stdout = output = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(lambda: _Output(output), sock=ours)
        program.stdin = asyncio.StreamWriter(transport, protocol, output, loop)
    else:
        ours.close()
    return program


async def create_subprocess(program: str, *arguments: str, **options: Any) -> Any:
    """Do what `asyncio.create_subprocess_exec` does, but `python -m MODULE` begins in a fork.

    It is told when whoever asked for it has ended, if it wants to know, as if that were its parent.
    """
    first = arguments.index("-m") if "-m" in arguments else 0
    if (
        program != sys.executable
        or arguments[first] != "-m"
        or not set(arguments[:first]) <= _INTERPRETER
        or not options.keys() <= _OPTIONS
        or not all(_is_known(options.get(name)) for name in _STREAMS)
    ):
        return await start_python(program, *arguments, **options)
    arguments = arguments[first:]
    streams = [options.get(name) for name in _STREAMS]
    files = {number: number for number in options.get("pass_fds", ())}
    pipes: dict[str, int] = {}
    with ExitStack() as stack:
        for number, wanted in enumerate(streams):
            if wanted is None:
                files[number] = number
                continue
            if hasattr(wanted, "fileno"):
                files[number] = os.dup(wanted.fileno())
            elif wanted == asyncio.subprocess.PIPE:
                ends = os.pipe()
                pipes[_STREAMS[number]], files[number] = ends[number == 0], ends[number != 0]
            else:
                files[number] = os.open(os.devnull, os.O_RDWR)
            stack.callback(os.close, files[number])
        leads = options.get("start_new_session", False)
        told = {"arguments": arguments, "leads": leads, "parent": os.getpid()}
        started = await _ask(told, files, env=options.get("env"))
    await _open_pipes(started, pipes, options.get("limit", 1 << 16))
    return started


def _is_known(stream: Any) -> bool:
    known = (None, asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE)
    return stream in known or hasattr(stream, "fileno")


async def _open_pipes(program: Program, pipes: dict[str, int], limit: int) -> None:
    loop = asyncio.get_running_loop()
    for name, number in pipes.items():
        reader = asyncio.StreamReader(limit=limit)
        protocol = asyncio.StreamReaderProtocol(reader)
        if name != "stdin":
            await loop.connect_read_pipe(lambda made=protocol: made, os.fdopen(number, "rb", 0))
            setattr(program, name, reader)
            continue
        pipe = os.fdopen(number, "wb", 0)
        transport, _ = await loop.connect_write_pipe(lambda made=protocol: made, pipe)
        program.stdin = asyncio.StreamWriter(transport, protocol, reader, loop)


async def _ask(
    told: dict[str, Any], files: Mapping[int, int], *, env: Mapping[str, str] | None
) -> Program:
    """Have a program started that has these files, by the numbers that they have there."""
    news, tells = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = dict(os.environ if env is None else env)
    told |= {"environment": environment, "folder": str(Path.cwd()), "files": list(files)}
    with tells:
        order = json.dumps(told).encode()
        socket.send_fds(_orders(), [order], [tells.fileno(), *files.values()])
    news.setblocking(False)
    try:
        pid = await asyncio.get_running_loop().sock_recv(news, 64)
    except BaseException:
        with news:
            news.setblocking(True)
            os.kill(int(news.recv(64)), signal.SIGKILL)
        raise
    return Program(int(pid), news)


_nursery: list[socket.socket] = []
"""Where orders go, and what ends with this process: a program that was forked has the first."""


def _orders() -> socket.socket:
    """Start the process that forks, unless there is one, and return what it is told by."""
    if not _nursery:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        life, its_life = socket.socketpair()
        given = [str(each.fileno()) for each in (its, its_life, ours)]
        with its, its_life:
            process = subprocess.Popen(
                [sys.executable, "-u", __file__, *given, *_manner()],
                stdin=subprocess.DEVNULL,
                pass_fds=[int(each) for each in given],
                start_new_session=True,
            )
        _nursery.extend((ours, life))
        atexit.register(_end_nursery, process)
    return _nursery[0]


def start_nursery() -> None:
    """Start the process that forks, and wait until it does: no deadline of a test is to see it."""
    if not _nursery:
        _orders()
        assert _nursery[1].recv(1) == _READY


def _end_nursery(process: subprocess.Popen[bytes]) -> None:
    for each in _nursery:
        each.close()
    process.wait()


def _manner() -> list[str]:
    """Say whether what is forked shall fork what it starts, as this process does."""
    return ["all"] if asyncio.create_subprocess_exec is create_subprocess else []


# --- the process that forks -----------------------------------------------------------------------


def _end_with_parent() -> None:
    """Be killed when the process that forked this one ends, whatever it ended of."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _serve(orders: socket.socket, life: socket.socket) -> dict[str, Any] | None:
    """Fork for each order; returns in a process that shall run something, and what it is told."""
    while True:
        if life in select.select([orders, life], [], [])[0]:
            return None
        order, given, *_ = socket.recv_fds(orders, 1 << 17, _MOST_FILES)
        if os.fork() == 0:
            orders.close()
            life.close()
            return _keep(json.loads(order), *given)
        for number in given:
            os.close(number)


def _keep(told: dict[str, Any], news: int, *files: int) -> dict[str, Any]:
    """Begin the program and wait for its end; returns in the program."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _end_with_parent()
    asks = os.pidfd_open(told["parent"]) if "parent" in told else None
    keeper = os.getpid()
    pid = os.fork()
    if pid:
        for number in files:
            os.close(number)
        os.write(news, str(pid).encode())
        if asks is not None:
            ends = os.pidfd_open(pid)
            if ends not in select.select([asks, ends], [], [])[0]:
                os._exit(0)  # whoever asked has ended: this is what the program hears of it
        _, status = os.waitpid(pid, 0)
        with suppress(BrokenPipeError):  # nobody waits any more
            os.write(news, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    os.close(news)
    if asks is None:
        _end_with_parent()
    else:
        os.close(asks)
        _show_parent(keeper, told["parent"])
    if told["leads"]:
        os.setsid()
    _place(dict(zip(told["files"], files, strict=True)))
    return told


def _show_parent(keeper: int, parent: int) -> None:
    """Let the process that asked for the program be its parent, as long as it lives."""
    real = os.getppid
    os.getppid = lambda: parent if real() == keeper else real()


def _place(files: dict[int, int]) -> None:
    """Give open files the numbers that they shall have."""
    moved = {wanted: fcntl.fcntl(number, fcntl.F_DUPFD, _MOVED) for wanted, number in files.items()}
    for number in files.values():
        os.close(number)
    for wanted, number in moved.items():
        os.dup2(number, wanted)
        os.close(number)


def main() -> None:
    gc.disable()
    for module in LOADED:
        importlib.import_module(module)
    assert threading.active_count() == 1, "a fork has none of the threads"
    gc.collect()
    gc.freeze()
    gc.enable()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who keep the programs
    orders, life, given = map(int, sys.argv[1:4])
    _nursery.append(socket.socket(fileno=fcntl.fcntl(given, fcntl.F_DUPFD_CLOEXEC, _KEPT)))
    os.close(given)
    if sys.argv[4:]:
        asyncio.create_subprocess_exec = create_subprocess
    life_of_tests = socket.socket(fileno=life)
    life_of_tests.send(_READY)
    told = _serve(socket.socket(fileno=orders), life_of_tests)
    if told is not None:
        run_to_its_end(told)


if __name__ == "__main__":
    main()
