"""Parameters of a job task, checked against what its job takes before anything is written.

workflow-manager knows the jobs. It is asked before the transaction of the request begins: no
transaction waits for another service. A plan can be saved while it is away, for a job that is not
installed yet, and before all is filled in: what cannot be said now is said when the task starts.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from scanhub_libraries.errors import ScanHubError, UnprocessableError
from scanhub_libraries.logging import get_logger
from scanhub_libraries.models import BaseDAGTask, TaskIn
from scanhub_libraries.models.job import JobCheck

logger = get_logger(__name__)
CheckJob = Callable[[str, JobCheck], Awaitable[None]]
"""Asks whether a job takes parameters; raises UnprocessableError when it does not."""
_PATIENCE_S = 5.0


async def checked_task(request: Request, task: TaskIn) -> TaskIn:
    """Return a task whose parameters its job takes, as far as that can be known now.

    Raises:
        UnprocessableError: It does not take one; `field` names it.
    """
    check: CheckJob | None = request.app.state.check_job
    if check is None or not isinstance(task, BaseDAGTask) or not (task.dag_id and task.parameter):
        return task
    given = JobCheck(parameters=task.parameter, complete=False)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await check(task.dag_id, given)
    except UnprocessableError:
        raise
    except (ScanHubError, TimeoutError) as error:
        logger.info("parameters of a job are not checked yet", job=task.dag_id, reason=str(error))
    return task


CheckedTaskDep = Annotated[TaskIn, Depends(checked_task)]
