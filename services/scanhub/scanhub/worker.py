"""Runs what has no API, for servers on this machine or others: workers, and receivers of DICOM."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import uvloop
from rich.console import Console

from scanhub.main import Peers, workflow_settings
from scanhub.settings import InstallationSettings, ServiceName
from scanhub_libraries.clients import ServiceTokenSource
from scanhub_libraries.errors import UnavailableError
from scanhub_libraries.logging import configure_logging
from scanhub_libraries.models import ServiceCredentials
from workflow_manager.background import Outside
from workflow_manager.dicom.listeners import ListenerError
from workflow_manager.engine.names import QUEUE_NAMES
from workflow_manager.workers.process import receive, work

_SERVICE: ServiceName = "workflow-manager"
_JOB_URL = "SCANHUB_WORKFLOW_JOB_URL"


def run_worker(
    installation: InstallationSettings,
    console: Console,
    *,
    queues: Sequence[str] | None,
    executor_id: str | None,
    drain_s: float,
) -> None:
    """Work until Ctrl-C or SIGTERM, then let what runs come to its end.

    Args:
        installation: Where databases, keys and the lake are.
        console: Where it says that it works.
        queues: Whose work it does; none given: as the environment says, or all.
        executor_id: Its name in the run engine; none given: as the environment says, or the host's.
        drain_s: How long what runs is let come to its end [s].

    Raises:
        UnavailableError: The keys or the lake are not here.
    """
    _run(
        installation,
        _with_job_url(installation, console, _given(queues, executor_id)),
        lambda outside: work(
            outside,
            _told_to_end(),
            drain_s=drain_s,
            ready=lambda name: _ready(console, f"The worker {name}"),
            alive_file=installation.alive_file,
        ),
    )


def run_receiver(
    installation: InstallationSettings, console: Console, *, executor_id: str | None
) -> None:
    """Receive DICOM until Ctrl-C or SIGTERM.

    Args:
        installation: Where databases, keys and the lake are, and the port.
        console: Where it says that it listens.
        executor_id: Its name among the processes; none given: as the environment says, or the
            host's with `-dicom`.

    Raises:
        UnavailableError: There is no port to listen on, it is taken, or the keys or the lake are
            not here.
    """
    if installation.dicom_port is None and "SCANHUB_WORKFLOW_DICOM_TLS_PORT" not in os.environ:
        raise UnavailableError("There is no port to receive on: give --dicom-port.")
    given: dict[str, Any] = {"queues": ()}
    if executor_id is not None or "SCANHUB_WORKFLOW_EXECUTOR_ID" not in os.environ:
        given["executor_id"] = executor_id or f"{socket.gethostname()}-dicom"
    try:
        _run(
            installation,
            given,
            lambda outside: receive(
                outside,
                _told_to_end(),
                ready=lambda name: _ready(console, f"The receiver {name}"),
                alive_file=installation.alive_file,
            ),
        )
    except ListenerError as error:
        raise UnavailableError(str(error)) from error


def _run(
    installation: InstallationSettings,
    given: dict[str, Any],
    process: Callable[[Outside], Awaitable[None]],
) -> None:
    """Run a process of workflow-manager that has no API.

    Args:
        installation: Where everything is.
        given: Settings that go before the environment.
        process: What it does until it is told to end.
    """
    configure_logging(json=installation.log_json, level=installation.log_level)
    settings = installation.model_copy(update={"only": _SERVICE})  # the others are elsewhere
    _check_keys(settings)
    peers = Peers(settings)
    exam_manager = peers.client("exam-manager")
    credentials = ServiceCredentials(service=_SERVICE, secret=settings.service_secret(_SERVICE))
    outside = Outside(
        workflow_settings(settings, **given),
        exam_manager,
        peers.client("device-manager"),
        ServiceTokenSource(exam_manager, credentials),
    )

    async def run() -> None:
        try:
            await process(outside)
        finally:
            await peers.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def _with_job_url(
    settings: InstallationSettings, console: Console, given: dict[str, Any]
) -> dict[str, Any]:
    """Return the settings of a worker; it says so where jobs of the SDK could not run."""
    if _JOB_URL in os.environ:
        return given
    if "workflow_manager_url" in settings.model_fields_set:
        return {**given, "job_url": settings.workflow_manager_url}
    if "modules" in given.get("queues", os.environ.get("SCANHUB_WORKFLOW_QUEUES", "")):
        console.print(
            "Jobs of the SDK in chains of rules cannot run here: they have nothing to talk to. Set "
            f"SCANHUB_WORKFLOW_MANAGER_URL (or {_JOB_URL}) to the address of a server.",
            markup=False,
            soft_wrap=True,
        )
    return given


def _given(queues: Sequence[str] | None, executor_id: str | None) -> dict[str, Any]:
    """Return the settings that were given, or are other ones for a worker than for a server."""
    given: dict[str, Any] = {"dicom_port": None}
    if queues is not None or "SCANHUB_WORKFLOW_QUEUES" not in os.environ:
        given["queues"] = QUEUE_NAMES if queues is None else queues
    if executor_id is not None or "SCANHUB_WORKFLOW_EXECUTOR_ID" not in os.environ:
        given["executor_id"] = executor_id or socket.gethostname()
    return given


def _check_keys(settings: InstallationSettings) -> None:
    """Find what a server has made: with keys of its own a worker could not talk to anybody."""
    for name in (f"services/{_SERVICE}.secret", "target-secrets.key"):
        path = settings.keys_dir / name
        if not path.exists():
            raise UnavailableError(
                f"{path} is not there: it needs the keys of its server, in --data-dir."
            )


def _told_to_end() -> asyncio.Event:
    """Return what SIGTERM and Ctrl-C set; the second one ends the process as it stands."""
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def tell() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        told.set()
        notify("STOPPING=1")

    for number in numbers:
        loop.add_signal_handler(number, tell)
    return told


def _ready(console: Console, name: str) -> None:
    console.print(f"{name} is ready.", markup=False, soft_wrap=True)
    notify("READY=1")


def notify(state: str) -> None:
    """Tell systemd, if it started this process (sd_notify(3): a datagram to NOTIFY_SOCKET)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect(address)
        channel.sendall(state.encode())
