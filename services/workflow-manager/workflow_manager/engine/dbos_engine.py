"""The engine on DBOS Transact: SQLite embedded, PostgreSQL deployed. This package alone knows it.

Workflow functions run in threads of the engine; their steps run on the event loop of the service.
The engine is one per process, as DBOS is.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from dbos import DBOS, SetEnqueueOptions, SetWorkflowID
from dbos._core import WorkflowHandleFuture

from scanhub_libraries.clock import utc_now
from scanhub_libraries.logging import get_logger
from scanhub_libraries.repeating import Repeating
from workflow_manager.engine import rows
from workflow_manager.engine.databases import (
    config_of,
    is_shared,
    quiet_logs,
    sqlite_engine,
    sync_url,
)
from workflow_manager.engine.dbos_steps import DbosSteps
from workflow_manager.engine.lease import ExecutorLease
from workflow_manager.engine.places import Places, QueueSettings
from workflow_manager.engine.port import (
    EngineError,
    EngineStopping,
    Running,
    WorkflowBody,
    WorkflowState,
)
from workflow_manager.engine.queues import QueueWorkers

logger = get_logger(__name__)
MAX_RECOVERY_ATTEMPTS = 5
_DRAIN_S = 10.0
_REAP_S = 2.0
_POLL_S = 0.25
_SELDOM_S = 10.0
_SELDOM_UNTOLD_S = 1.0
"""How often a queue is looked at where others put something into it and tell nobody [s]."""
Tell = Callable[[str], None]


class DbosEngine:
    """The run engine of this process.

    Args:
        url: Its database.
        executor_id: The name of this process there.
        bodies: Workflow functions by kind; they may be added until it is launched.
        queues: All queues there are, with the limits of this process.
        served: Those of which this process does the work; none given: all. What it starts in the
            others waits for another process.
    """

    current: ClassVar["DbosEngine | None"] = None

    def __init__(
        self,
        url: str,
        *,
        executor_id: str,
        bodies: Mapping[str, WorkflowBody],
        queues: Mapping[str, QueueSettings],
        served: Collection[str] | None = None,
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
        self._places = Places(self._queues, served)
        self._held: frozenset[str] = frozenset()
        self._tell: Tell | None = None
        self._dbos: DBOS | None = None
        self._interrupted: set[str] = set()
        """Workflows that did not come to their end, for this process stops."""
        self._lock = threading.Lock()
        self._stopping = False
        self._alive = True
        """It holds its lock, as far as is known."""
        self.usurped = asyncio.Event()
        """Set when another process has the name of this one, which is to end."""

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
        quiet_logs()
        if is_shared(self._url):
            self._lease = ExecutorLease(sync_url(self._url), self._executor_id)
            self._executor_id = self._lease.take()
        config = config_of(sync_url(self._url), self._executor_id)
        if not is_shared(self._url):
            self._database = sqlite_engine(sync_url(self._url))
            config["system_database_engine"] = self._database
        self._dbos = dbos = DBOS(config=config)
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
            {name: self._queues[name] for name in sorted(self._places.served)},
            seldom_s=_SELDOM_S if self._lease is None or self._tell else _SELDOM_UNTOLD_S,
            anything_waits=rows.anything_waits,
            may_look=self._places.may_begin,
        )
        self._workers.start()

    async def close(self, drain_s: float = 0.0) -> None:
        """Stop; what runs goes on after the next launch, or in another process.

        Args:
            drain_s: Let what runs come to its end for so long [s]; nothing new begins.
        """
        await asyncio.to_thread(self._places.stop)
        await asyncio.to_thread(self._places.wait_until_empty, drain_s)
        self._stopping = True
        await self._reaping.stop()
        with self._lock:
            steps = list(self._steps)
        for step in steps:
            step.cancel()
        await asyncio.to_thread(self._places.wait_until_empty, _DRAIN_S)
        if self._workers is not None:
            await asyncio.to_thread(self._workers.stop)
        try:
            await asyncio.to_thread(self._give_back)
            await asyncio.to_thread(DBOS.destroy)
        finally:
            if self._database is not None:
                self._database.dispose()
            if self._lease is not None:  # last: from now on others take over
                await asyncio.to_thread(self._lease.release)
            DbosEngine.current = None

    def _give_back(self) -> None:
        """Put what was interrupted back into its queues: others need not find out."""
        if self._lease is None or not self._lease.keep():
            return
        try:
            rows.give_back(self._dbos, self._executor_id, self._interrupted, _DRAIN_S)
        except sa.exc.SQLAlchemyError as error:  # they find out, once the lock is free
            logger.warning("work cannot be given back", error=repr(error))
        self._tell_of_all()

    # --- queues -------------------------------------------------------------------------------

    def tell_others(self, tell: Tell) -> None:
        """Tell the other processes which queue something was put into; before it is launched.

        Args:
            tell: Called in threads; `ring` of the other processes answers to it.
        """
        self._tell = tell

    def ring(self, queue: str | None = None) -> None:
        """Look at a queue now, another process has put something into it; None: at all of them."""
        if self._workers is not None:
            self._workers.ring(queue)

    def _put(self, queue: str) -> None:
        """Let everybody look at a queue into which something was put."""
        self.ring(queue)
        if self._tell is not None:
            self._tell(queue)

    def _tell_of_all(self) -> None:
        for queue in self._queues if self._tell is not None else ():
            self._put(queue)

    @property
    def name(self) -> str:
        """Name of this process among those that share the engine's database."""
        return self._executor_id

    @property
    def served(self) -> frozenset[str]:
        """Queues of which this process does the work, when they are not paused."""
        return self._places.served

    def is_open(self, queue: str) -> bool:
        """Say whether this process begins what is in a queue: served here, and not paused."""
        return self._places.is_open(queue)

    def hold(self, queues: Collection[str]) -> None:
        """Begin nothing of these queues, and of the others again; what runs goes on."""
        self._held = frozenset(queues)
        self._apply_holds()

    def _apply_holds(self) -> None:
        self._places.hold(self._held if self._alive else self._queues)
        self.ring()

    # --- starting -----------------------------------------------------------------------------

    async def start(
        self,
        kind: str,
        key: str,
        *,
        queue: str,
        partition: str | None = None,
        delay_s: float = 0.0,
        rank: int | None = None,
    ) -> None:
        """Start the workflow `kind:key`; starting it twice is harmless."""
        await asyncio.to_thread(
            self.start_from_thread, kind, key, queue, partition, delay_s, rank=rank
        )

    def start_from_thread(
        self,
        kind: str,
        key: str,
        queue: str,
        partition: str | None,
        delay_s: float,
        *,
        rank: int | None = None,
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
                    priority=rank,
                )
            )
            DBOS.enqueue_workflow(queue, _execute, kind, key, queue, partition)
        self._put(queue)

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
        """Run a workflow function once there is a place for it; in a thread of the engine.

        What was interrupted comes from a queue of the engine's own, at which every process looks.
        One that does not serve its queue, or where it is paused, puts it there.
        """
        workflow = f"{kind}:{key}"
        if not self._places.is_kept(workflow) and not self._places.is_open(queue):
            running = Running(self._executor_id, kind, key, queue, partition, utc_now())
            if rows.put_back(self._dbos, running):
                self._put(queue)
                raise EngineStopping
        if not self._places.enter(queue, partition, workflow):
            self._interrupted.add(workflow)
            raise EngineStopping
        try:
            self._bodies[kind](DbosSteps(self.wait_for, self.start_from_thread), key)
        except EngineStopping:
            self._interrupted.add(workflow)
            raise
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

    async def withdraw(self, kind: str, key: str) -> bool:
        """Let a workflow that waits never begin; False: it has begun, or is not known."""
        return await asyncio.to_thread(rows.withdraw, self._dbos, f"{kind}:{key}")

    async def states(self, kind: str, keys: Sequence[str]) -> dict[str, WorkflowState]:
        """Return what the engine knows of these workflows; unknown ones are left out."""
        found: dict[str, WorkflowState] = {}
        for start in range(0, len(keys), 500):
            ids = [f"{kind}:{key}" for key in keys[start : start + 500]]
            for status in await asyncio.to_thread(rows.list_workflows, ids):
                found[status.workflow_id.removeprefix(f"{kind}:")] = rows.state_of(status.status)
        return found

    async def _reap(self) -> None:
        """Take over the workflows of processes that are dead, as long as this one counts as alive.

        Without its lock it begins nothing: others may hold it for dead and do its work.
        """
        if self._lease is None:
            return
        alive = await asyncio.to_thread(self._lease.keep)
        if alive != self._alive:
            self._alive = alive
            self._apply_holds()
        if self._lease.usurped:
            self.usurped.set()
        else:
            self.usurped.clear()
        taken = await asyncio.to_thread(rows.take_over, self._lease) if alive else 0
        if taken:
            logger.warning("workflows of a dead process are taken over", workflows=taken)
            self.ring()
            self._tell_of_all()

    async def forget(self, ended_before: datetime) -> int:
        """Drop what the engine knows of workflows that ended long ago; say how many."""
        return await asyncio.to_thread(rows.delete_workflows, ended_before.isoformat())

    async def running(self) -> list[Running]:
        """Return what runs, in all processes."""
        return await asyncio.to_thread(rows.list_running)

    async def living(self, names: Collection[str]) -> set[str]:
        """Return which processes live, of those with these names."""
        if self._lease is None:
            return {self._executor_id} & set(names)
        return await asyncio.to_thread(self._lease.living, names)


@DBOS.workflow(name="scanhub.execute", max_recovery_attempts=MAX_RECOVERY_ATTEMPTS)
def _execute(kind: str, key: str, queue: str, partition: str | None) -> None:
    engine = DbosEngine.current
    if engine is None:
        raise EngineStopping
    engine.execute(kind, key, queue, partition)
