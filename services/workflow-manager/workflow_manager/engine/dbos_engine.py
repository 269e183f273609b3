"""The engine on DBOS Transact: SQLite embedded, PostgreSQL deployed. The only file that knows it.

Workflow functions run in threads of the engine; their steps run on the event loop of the service.
The engine is one per process, as DBOS is.
"""

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, SetEnqueueOptions, SetWorkflowID, WorkflowStatus
from sqlalchemy import event

from scanhub_libraries.logging import get_logger
from workflow_manager.engine.port import EngineError, WorkflowBody, WorkflowState
from workflow_manager.engine.serializer import JSONSerializer

logger = get_logger(__name__)
APPLICATION_VERSION = "scanhub-wf-1"
MAX_RECOVERY_ATTEMPTS = 5
_ACTIVE = frozenset({"PENDING", "ENQUEUED", "DELAYED"})
_ENDED = frozenset({"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})
_FORGET_AT_ONCE = 500
_THREADS = 48
_DRAIN_S = 10.0


class EngineStopping(BaseException):
    """Thrown through a workflow when the service shuts down.

    No `Exception` on purpose: the engine records those as the workflow's end. This one leaves the
    workflow as a crash would, to go on after the next launch.
    """


class QueueSettings:
    """How a queue lets workflows through."""

    def __init__(
        self, *, at_once: int | None = None, at_once_per_partition: int | None = None
    ) -> None:
        self.at_once = at_once
        self.at_once_per_partition = at_once_per_partition


class DbosEngine:
    """The run engine of this process."""

    current: ClassVar["DbosEngine | None"] = None

    def __init__(
        self,
        url: str,
        *,
        executor_id: str,
        bodies: Mapping[str, WorkflowBody],
        queues: Mapping[str, QueueSettings],
    ) -> None:
        self._url = url
        self._executor_id = executor_id
        self._bodies = bodies
        self._queues = dict(queues)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._database: sa.Engine | None = None
        self._steps: set[concurrent.futures.Future[Any]] = set()
        self._running = 0
        self._busy: set[tuple[str, str | None]] = set()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._stopping = False

    # --- life ---------------------------------------------------------------------------------

    async def launch(self) -> None:
        """Begin to work; what an earlier process left goes on."""
        if DbosEngine.current is not None:
            raise EngineError("The run engine is already launched in this process.")
        self._loop = asyncio.get_running_loop()
        DbosEngine.current = self
        try:
            await asyncio.to_thread(self._launch)
        except BaseException:
            DbosEngine.current = None
            raise

    def _launch(self) -> None:
        _quiet_logs()
        config = DBOSConfig(
            name="scanhub",
            system_database_url=_sync_url(self._url),
            application_version=APPLICATION_VERSION,
            executor_id=self._executor_id,
            max_executor_threads=_THREADS,
            scheduler_polling_interval_sec=30.0,
            notification_listener_polling_interval_sec=0.25,
            log_level="WARNING",
            console_log_level="WARNING",
            serializer=JSONSerializer(),
            run_migrations=True,
        )
        if self._url.startswith("sqlite"):
            self._database = _sqlite_engine(_sync_url(self._url))
            config["system_database_engine"] = self._database
        DBOS(config=config)
        DBOS.launch()
        for name, settings in self._queues.items():
            DBOS.register_queue(
                name,
                worker_concurrency=settings.at_once,
                partition_concurrency=settings.at_once_per_partition,
                polling_interval_sec=0.25,
                on_conflict="always_update",
            )

    async def close(self) -> None:
        """Stop; what runs goes on after the next launch."""
        self._stopping = True
        with self._lock:
            steps = list(self._steps)
        for step in steps:
            step.cancel()
        await asyncio.to_thread(self._wait_until_idle)
        try:
            await asyncio.to_thread(DBOS.destroy)
        finally:
            if self._database is not None:
                self._database.dispose()
            DbosEngine.current = None

    def _wait_until_idle(self) -> None:
        with self._idle:
            self._idle.wait_for(lambda: self._running == 0, timeout=_DRAIN_S)

    # --- starting -----------------------------------------------------------------------------

    async def start(
        self, kind: str, key: str, *, queue: str, partition: str | None = None, delay_s: float = 0.0
    ) -> None:
        """Start the workflow `kind:key`; starting it twice is harmless."""
        await asyncio.to_thread(self.start_from_thread, kind, key, queue, partition, delay_s)

    def start_from_thread(
        self, kind: str, key: str, queue: str, partition: str | None, delay_s: float
    ) -> None:
        """Start a workflow; from a thread only.

        A free queue is not waited for: polling it would cost a quarter of a second.
        """
        if kind not in self._bodies:
            raise EngineError(f"There is no workflow {kind!r}.")
        with ExitStack() as stack:
            stack.enter_context(SetWorkflowID(f"{kind}:{key}"))
            if delay_s <= 0 and self._take_place(queue, partition):
                DBOS.start_workflow(_execute, kind, key, queue, partition)
                return
            stack.enter_context(
                SetEnqueueOptions(
                    queue_partition_key=partition if self._is_partitioned(queue) else None,
                    delay_seconds=delay_s if delay_s > 0 else None,
                )
            )
            DBOS.enqueue_workflow(queue, _execute, kind, key, queue, partition)

    def _is_partitioned(self, queue: str) -> bool:
        return self._queues[queue].at_once_per_partition is not None

    def _take_place(self, queue: str, partition: str | None) -> bool:
        place = (queue, partition if self._is_partitioned(queue) else None)
        with self._lock:
            return not self._stopping and place not in self._busy

    # --- working ------------------------------------------------------------------------------

    def execute(self, kind: str, key: str, queue: str, partition: str | None) -> None:
        """Run a workflow function; in a thread of the engine."""
        place = (queue, partition if self._is_partitioned(queue) else None)
        with self._lock:
            self._running += 1
            self._busy.add(place)
        try:
            self._bodies[kind](_Steps(self), key)
        finally:
            with self._lock:
                self._running -= 1
                self._busy.discard(place)
                self._idle.notify_all()

    def wait_for(self, step: Callable[..., Awaitable[Any]], arguments: tuple[Any, ...]) -> Any:
        """Run a coroutine function on the service's loop and wait for it; in a thread."""
        if self._stopping or self._loop is None:
            raise EngineStopping

        async def call() -> Any:
            return await step(*arguments)

        coroutine: Coroutine[Any, Any, Any] = call()
        with self._lock:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._steps.add(future)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise EngineStopping from None
        finally:
            with self._lock:
                self._steps.discard(future)

    # --- asking -------------------------------------------------------------------------------

    async def cancel(self, kind: str, key: str) -> None:
        """Forget a workflow that waits."""
        await asyncio.to_thread(DBOS.cancel_workflow, f"{kind}:{key}")

    async def states(self, kind: str, keys: Sequence[str]) -> dict[str, WorkflowState]:
        """Return what the engine knows of these workflows; unknown ones are left out."""
        found: dict[str, WorkflowState] = {}
        for start in range(0, len(keys), 500):
            ids = [f"{kind}:{key}" for key in keys[start : start + 500]]
            for status in await asyncio.to_thread(_list_workflows, ids):
                found[status.workflow_id.removeprefix(f"{kind}:")] = _state(status.status)
        return found

    async def recover(self, executor_id: str) -> int:
        """Take over the workflows of a process that is gone for good.

        Called only for a process that is proven dead: the engine's own call for it is private.
        """
        recover = DBOS._recover_pending_workflows  # noqa: SLF001 - see docs; a test guards it
        return len(await asyncio.to_thread(recover, [executor_id]))

    async def forget(self, ended_before: datetime) -> int:
        """Drop what the engine knows of workflows that ended long ago; say how many."""
        return await asyncio.to_thread(_delete_workflows, ended_before.isoformat())


class _Steps:
    """What a workflow function works with."""

    def __init__(self, engine: DbosEngine) -> None:
        self._engine = engine

    def run(self, name: str, step: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """Run a step; its result is remembered."""
        engine = self._engine
        return DBOS.run_step({"name": name}, lambda: engine.wait_for(step, arguments))

    def start(
        self, kind: str, key: str, *, queue: str, partition: str | None = None, delay_s: float = 0.0
    ) -> None:
        """Start another workflow."""
        self._engine.start_from_thread(kind, key, queue, partition, delay_s)


@DBOS.workflow(name="scanhub.execute", max_recovery_attempts=MAX_RECOVERY_ATTEMPTS)
def _execute(kind: str, key: str, queue: str, partition: str | None) -> None:
    engine = DbosEngine.current
    if engine is None:
        raise EngineStopping
    engine.execute(kind, key, queue, partition)


def _list_workflows(ids: list[str]) -> list[WorkflowStatus]:
    return DBOS.list_workflows(workflow_ids=ids, load_input=False, load_output=False)


def _delete_workflows(ended_before: str) -> int:
    old = DBOS.list_workflows(
        status=list(_ENDED),
        completed_before=ended_before,
        limit=_FORGET_AT_ONCE,
        load_input=False,
        load_output=False,
    )
    DBOS.delete_workflows([status.workflow_id for status in old])
    return len(old)


def _state(status: str) -> WorkflowState:
    if status in _ACTIVE:
        return WorkflowState.ACTIVE
    return WorkflowState.ENDED if status == "SUCCESS" else WorkflowState.GIVEN_UP


def _sync_url(url: str) -> str:
    """Return the URL for the engine's own, blocking drivers."""
    drivers = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
    parsed = sa.make_url(url)
    driver = drivers.get(parsed.get_backend_name())
    if driver is None:
        raise EngineError("The run engine works on SQLite or PostgreSQL.")
    return parsed.set(drivername=driver).render_as_string(hide_password=False)


def _sqlite_engine(url: str) -> sa.Engine:
    """Return an engine that survives a power cut and does not lock readers out."""
    engine = sa.create_engine(url)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in (
            "busy_timeout=30000",
            "foreign_keys=ON",
            "journal_mode=WAL",
            "synchronous=FULL",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _quiet_logs() -> None:
    """Let the engine's warnings go where all logs go, and keep its advertisement out."""
    log = logging.getLogger("dbos")
    log.setLevel(logging.WARNING)
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # else it makes a console handler of its own
    log.propagate = True
