"""Where jobs of the SDK reach this process: a listener of its own, on this machine alone.

A job talks to the process that started it, whatever is in front of the service: TLS, a gateway, or
nothing at all. It is opened for the first job.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from scanhub_libraries.errors import UnavailableError
from scanhub_libraries.logging import get_logger

if TYPE_CHECKING:
    import uvicorn

logger = get_logger(__name__)
_LOOK_S = 0.01
_GRACE_S = 2


class JobListener:
    """Serves the application to jobs.

    Args:
        app: The application; None: a worker, which has none.
        url: Where jobs reach it otherwise; None: a listener is opened.
    """

    def __init__(self, app: Any, url: str | None) -> None:
        self._app, self._url = app, url
        self._opening = asyncio.Lock()
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def url_of(self, session_id: UUID) -> str:
        """Return where a job of a session finds it."""
        return f"{await self._base()}/api/v1/workflowmanager/job/{session_id}"

    async def _base(self) -> str:
        if self._url is not None:
            return self._url.rstrip("/")
        if self._app is None:
            raise UnavailableError(
                "A worker has nothing that jobs of the SDK could talk to: set "
                "SCANHUB_WORKFLOW_MANAGER_URL (or SCANHUB_WORKFLOW_JOB_URL) of the worker to the "
                "address of a server, and try again."
            )
        async with self._opening:
            if self._server is None:
                self._server, self._task = await self._open()
            port = self._server.servers[0].sockets[0].getsockname()[1]
            return f"http://127.0.0.1:{port}"

    async def _open(self) -> "tuple[uvicorn.Server, asyncio.Task[None]]":
        server = _quiet_server(self._app)
        task = asyncio.create_task(server.serve(), name="job-listener")
        while not server.started:
            if task.done():
                task.result()  # it says why
                raise OSError("the listener of jobs ended before it began")
            await asyncio.sleep(_LOOK_S)
        return server, task

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is None or self._task is None:
            return
        self._server.should_exit = True
        await asyncio.gather(self._task, return_exceptions=True)


def _quiet_server(app: Any) -> "uvicorn.Server":
    """Return a server that leaves signals to the one that people use."""
    import uvicorn  # noqa: PLC0415 - for the first job, not at each start

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=_GRACE_S,
    )
    return Server(config)
