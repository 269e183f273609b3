"""What the engine's database says of workflows, and how work comes back into its queue.

Three things here are private to the engine: `_recover_pending_workflows`, the table of workflows,
and its connection. Tests say when one of them is gone; until then the public ones do, as
far as they can.
"""

import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, WorkflowStatus

from scanhub_libraries.clock import utc_now
from scanhub_libraries.logging import get_logger
from workflow_manager.engine.lease import ExecutorLease
from workflow_manager.engine.port import Running, WorkflowState

logger = get_logger(__name__)
_WAITING = ("ENQUEUED", "DELAYED")
_ACTIVE = frozenset({"PENDING", "ENQUEUED", "DELAYED"})
_ENDED = frozenset({"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})
_FORGET_AT_ONCE = 500
_LOOK_S = 0.05


def list_workflows(ids: list[str]) -> list[WorkflowStatus]:
    """Return what is known of some workflows."""
    return DBOS.list_workflows(workflow_ids=ids, load_input=False, load_output=False)


def anything_waits(queue: str) -> bool:
    """Say whether something is in a queue, due or not."""
    found = DBOS.list_workflows(
        queue_name=queue,
        status=list(_WAITING),
        limit=1,
        load_input=False,
        load_output=False,
    )
    return bool(found)


def delete_workflows(ended_before: str) -> int:
    """Drop workflows that ended long ago; say how many."""
    old = DBOS.list_workflows(
        status=list(_ENDED),
        completed_before=ended_before,
        limit=_FORGET_AT_ONCE,
        load_input=False,
        load_output=False,
    )
    DBOS.delete_workflows([status.workflow_id for status in old])
    return len(old)


def state_of(status: str) -> WorkflowState:
    """Return the state in our words."""
    if status in _ACTIVE:
        return WorkflowState.ACTIVE
    return WorkflowState.ENDED if status == "SUCCESS" else WorkflowState.GIVEN_UP


def list_running(executor_id: str | None = None) -> list[Running]:
    """Return what runs, in all processes or in one."""
    pending = DBOS.list_workflows(status="PENDING", executor_id=executor_id, load_output=False)
    return [running for status in pending if (running := _running(status)) is not None]


def _running(status: WorkflowStatus) -> Running | None:
    arguments: Sequence[Any] = status.input["args"] if status.input is not None else ()
    if len(arguments) != 4:  # noqa: PLR2004 - kind, key, queue, partition: none of ours otherwise
        return None
    kind, key, queue, partition = arguments
    since = status.dequeued_at or status.created_at or 0
    at = datetime.fromtimestamp(since / 1000, UTC)
    return Running(status.executor_id or "", kind, key, queue, partition, at)


def take_over(lease: ExecutorLease) -> int:
    """Put the work of processes that are dead back into its queues; say how much it was."""
    pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
    names = {status.executor_id for status in pending if status.executor_id} - {lease.name}
    return sum(lease.if_dead(name, partial(recover, name)) for name in sorted(names))


def recover(executor_id: str) -> int:
    """Put the work of a process that is proven dead back into its queues; say how much it was.

    Where the engine's own call for it is gone, the public one does: it forgets how often a workflow
    has crashed its process.
    """
    private = getattr(DBOS, "_recover_pending_workflows", None)
    if private is not None:
        return len(private([executor_id]))
    left = DBOS.list_workflows(status="PENDING", executor_id=executor_id, load_output=False)
    for status in left:
        DBOS.resume_workflow(status.workflow_id, queue_name=_queue_of(status))
    return len(left)


def _queue_of(status: WorkflowStatus) -> str | None:
    """Return the queue that a workflow can go back to; None: that of the engine itself.

    Nobody would look for one in a partitioned queue that has no partition.
    """
    running = _running(status)
    if status.queue_name is None and running is not None and running.partition is None:
        return running.queue
    return status.queue_name


def withdraw(dbos: Any, workflow: str) -> bool:
    """Let a workflow that is in a queue never begin; False: it has begun, or is not known."""
    database, table = dbos._sys_db.engine, dbos._sys_db.tables.workflow_status  # noqa: SLF001
    change = (
        sa.update(table)
        .where(table.c.workflow_uuid == workflow, table.c.status.in_(_WAITING))
        .values(status="CANCELLED", queue_name=None, completed_at=_now_ms(), updated_at=_now_ms())
    )
    with database.begin() as connection:
        return bool(connection.execute(change).rowcount)


def _now_ms() -> int:
    return round(utc_now().timestamp() * 1000)


def give_back(dbos: Any, executor_id: str, interrupted: Collection[str], drain_s: float) -> None:
    """Put what was interrupted in a process back into its queues: others need not find out.

    What came to its end is not: the engine still has to write that down, and is waited for.

    Args:
        dbos: The engine.
        executor_id: Name of the process.
        interrupted: Workflows that did not come to their end.
        drain_s: How long the others are waited for [s].
    """
    ends_at = time.monotonic() + drain_s
    while left := list_running(executor_id):
        ended = [one for one in left if f"{one.kind}:{one.key}" not in interrupted]
        for running in left:
            if running not in ended:
                put_back(dbos, running)
        if not ended or time.monotonic() > ends_at:
            return
        time.sleep(_LOOK_S)


def put_back(dbos: Any, running: Running) -> bool:
    """Put one workflow of this process back into its queue, without a word to the engine.

    It may be called in the workflow itself: the engine's public calls would be steps there.

    Returns:
        Whether it is there; False: the engine's table is not what it was.
    """
    try:
        database, table = dbos._sys_db.engine, dbos._sys_db.tables.workflow_status  # noqa: SLF001
        change = (
            sa.update(table)
            .where(table.c.workflow_uuid == f"{running.kind}:{running.key}")
            .where(table.c.status == "PENDING", table.c.executor_id == running.executor)
            .values(
                status="ENQUEUED",
                owner_xid=None,
                started_at_epoch_ms=None,
                queue_name=running.queue,
                queue_partition_key=running.partition,
            )
        )
    except AttributeError:
        logger.warning("work cannot be put back into its queue", kind=running.kind, key=running.key)
        return False
    with database.begin() as connection:
        connection.execute(change)
    return True
