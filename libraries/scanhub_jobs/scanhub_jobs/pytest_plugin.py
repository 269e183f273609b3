"""A pytest plugin: the fixture `job_context` for tests of jobs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def job_context(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Make contexts over folders: `job_context(folder, job=..., params=...)`.

    What the job writes is in `tmp_path / "session"`, the same for all contexts of a test, so that
    one job reads what another left. Options are those of `JobContext.local`.
    """
    from scanhub_jobs.job_context import JobContext  # noqa: PLC0415 - other tests need not wait

    made: list[JobContext[Any]] = []

    def make(folder: Path | str, **options: Any) -> JobContext[Any]:
        made.append(JobContext.local(folder, **{"out": tmp_path / "session", **options}))
        return made[-1]

    yield make
    for context in made:
        context.close()
