"""The engine on DBOS Transact: SQLite embedded, PostgreSQL deployed. This package alone knows it.

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
from functools import partial
from typing import Any, ClassVar

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, SetEnqueueOptions, SetWorkflowID, WorkflowStatus
from dbos._core import WorkflowHandleFuture
from sqlalchemy import event

from scanhub_libraries.logging import get_logger
from scanhub_libraries.repeating import Repeating
from workflow_manager.engine.lease import ExecutorLease
from workflow_manager.engine.places import Places, QueueSettings
from workflow_manager.engine.port import EngineError, WorkflowBody, WorkflowState
from workflow_manager.engine.queues import QueueWorkers
from workflow_manager.engine.serializer import JSONSerializer

logger = get_logger(__name__)
APPLICATION_VERSION = "scanhub-wf-1"
MAX_RECOVERY_ATTEMPTS = 5
_ACTIVE = frozenset({"PENDING", "ENQUEUED", "DELAYED"})
_ENDED = frozenset({"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})
_FORGET_AT_ONCE = 500
_THREADS = 48
_DRAIN_S = 10.0
_REAP_S = 2.0
_POLL_S = 0.25
_SELDOM_ALONE_S = 10.0
_SELDOM_TOGETHER_S = 1.0
"""How often a queue is looked at where other processes put something into it as well [s]."""


class EngineStopping(BaseException):
    """Thrown through a workflow when the service shuts down.

    No `Exception` on purpose: the engine records those as the workflow's end. This one leaves the
    workflow as a crash would, to go on after the next launch.
    """


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
        self._lease: ExecutorLease | None = None
        self._reaping = Repeating("taking over from dead processes", self._reap, _REAP_S)
        self._steps: set[concurrent.futures.Future[Any]] = set()
        self._workers: QueueWorkers | None = None
        self._places = Places(self._queues)
        self._lock = threading.Lock()
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
            if self._lease is not None:
                await asyncio.to_thread(self._lease.release)
            raise
        if self._lease is not None:
            self._reaping.start()

    def _launch(self) -> None:
        _quiet_logs()
        if not self._url.startswith("sqlite"):  # a file has one process
            self._lease = ExecutorLease(_sync_url(self._url), self._executor_id)
            self._executor_id = self._lease.take()
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
        dbos = DBOS(config=config)
        DBOS.listen_queues([])  # ours are looked at by `QueueWorkers`
        DBOS.launch()
        for name, settings in self._queues.items():
            DBOS.register_queue(
                name,
                worker_concurrency=settings.at_once,
                partition_concurrency=settings.at_once_per_partition,
                polling_interval_sec=_POLL_S,
                on_conflict="always_update",
            )
        self._workers = QueueWorkers(
            dbos,
            self._queues,
            seldom_s=_SELDOM_ALONE_S if self._lease is None else _SELDOM_TOGETHER_S,
            anything_waits=_anything_waits,
        )
        self._workers.start()

    async def close(self) -> None:
        """Stop; what runs goes on after the next launch, or in another process."""
        self._stopping = True
        await asyncio.to_thread(self._places.stop)
        await self._reaping.stop()
        with self._lock:
            steps = list(self._steps)
        for step in steps:
            step.cancel()
        await asyncio.to_thread(self._places.wait_until_empty, _DRAIN_S)
        if self._workers is not None:
            await asyncio.to_thread(self._workers.stop)
        try:
            await asyncio.to_thread(DBOS.destroy)
        finally:
            if self._database is not None:
                self._database.dispose()
            if self._lease is not None:  # last: from now on others take over
                await asyncio.to_thread(self._lease.release)
            DbosEngine.current = None

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

        A free queue is not gone through: what is put into one waits for somebody who looks.
        """
        if kind not in self._bodies:
            raise EngineError(f"There is no workflow {kind!r}.")
        workflow = f"{kind}:{key}"
        with ExitStack() as stack:
            stack.enter_context(SetWorkflowID(workflow))
            if delay_s <= 0 and self._places.keep(queue, partition, workflow):
                self._begin(kind, key, queue, partition)
                return
            stack.enter_context(
                SetEnqueueOptions(
                    queue_partition_key=partition if self._is_partitioned(queue) else None,
                    delay_seconds=delay_s if delay_s > 0 else None,
                )
            )
            DBOS.enqueue_workflow(queue, _execute, kind, key, queue, partition)
        if self._workers is not None:
            self._workers.ring(queue)

    def _begin(self, kind: str, key: str, queue: str, partition: str | None) -> None:
        """Run a workflow whose place is kept; one that was started before needs none."""
        begins = False
        try:
            handle = DBOS.start_workflow(_execute, kind, key, queue, partition)
            begins = isinstance(handle, WorkflowHandleFuture)
        finally:
            if not begins:
                self._places.let_go(queue, partition, f"{kind}:{key}")
                if self._workers is not None:
                    self._workers.ring_if_waiting(queue)

    def _is_partitioned(self, queue: str) -> bool:
        return self._queues[queue].at_once_per_partition is not None

    # --- working ------------------------------------------------------------------------------

    def execute(self, kind: str, key: str, queue: str, partition: str | None) -> None:
        """Run a workflow function once there is a place for it; in a thread of the engine."""
        if not self._places.enter(queue, partition, f"{kind}:{key}"):
            raise EngineStopping
        try:
            self._bodies[kind](_Steps(self), key)
        finally:
            self._places.leave(queue, partition)
            if self._workers is not None:
                self._workers.ring_if_waiting(queue)

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

    async def _reap(self) -> None:
        """Take over the workflows of processes that are dead."""
        if self._lease is None:
            return
        taken = await asyncio.to_thread(_take_over, self._lease)
        if taken:
            logger.warning("workflows of a dead process are taken over", workflows=taken)
            if self._workers is not None:
                self._workers.ring_all()

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


def _anything_waits(queue: str) -> bool:
    found = DBOS.list_workflows(
        queue_name=queue,
        status=["ENQUEUED", "DELAYED"],
        limit=1,
        load_input=False,
        load_output=False,
    )
    return bool(found)


def _take_over(lease: ExecutorLease) -> int:
    if not lease.keep():
        return 0
    pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
    names = {status.executor_id for status in pending if status.executor_id} - {lease.name}
    return sum(lease.if_dead(name, partial(_recover, name)) for name in sorted(names))


def _recover(executor_id: str) -> int:
    """Put the workflows of a process that is proven dead back into their queues.

    The engine's own call for it is private; a test with a process that is killed guards it.
    """
    recover = DBOS._recover_pending_workflows  # noqa: SLF001 - there is no public one
    return len(recover([executor_id]))


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
