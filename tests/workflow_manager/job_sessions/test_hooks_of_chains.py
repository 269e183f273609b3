"""Hooks before the first and after the last job of a chain, and how long is kept what it left."""

from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest
from exam_package import SOURCE
from images import SERIES
from ward import Ward

from workflow_manager.job_sessions.repository import list_old_sessions

from .conftest import PATIENCE, Jobs, install


@pytest.fixture
def gate(tmp_path):
    folder = tmp_path / "gate"
    folder.mkdir()
    return folder


@pytest.fixture
def chains(serving, tmp_path, monkeypatch, gate):
    """Return a context manager that runs a service beside which jobs with hooks are installed."""
    folder = tmp_path / "site"
    source = SOURCE.replace("GATE", str(gate))
    install(folder, "exam_jobs_for_test", source, {"brief": "exam_jobs_for_test:brief"})
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")

    @asynccontextmanager
    async def start():
        async with serving(module_runtime="none", series_quiet_s=3600.0) as service:
            yield Jobs(service, Ward(service, tmp_path / "sent", PATIENCE), gate)

    return start


def heard(gate):
    return (gate / "heard").read_text().splitlines()


async def expired(service, run, after):
    now = datetime.fromisoformat(run["ended_at"]) + after
    async with service.wiring.sessions() as session:
        return list(await list_old_sessions(session, now - timedelta(days=14), now))


@pytest.mark.long
async def test_hooks_run_around_a_chain_and_again_for_another_end(chains, gate):
    (gate / "fail").touch()
    async with chains() as jobs:
        run = await jobs.one("brief")
        assert run["state"] == "failed"
        assert heard(gate) == ["prepare", "tell failed brief", "alarm failed"]
        told = await jobs.service.get(f"/processing/{run['id']}/session")
        assert [(hook["name"], hook["done"]) for hook in told["hooks"]] == [
            ("prepare", True), ("tell", True), ("alarm", False),
        ]  # fmt: skip
        assert told["hooks"][2]["failure"]["message"] == "nobody hears"
        assert (told["status"], told["until"]) == ("failed", None)
        assert await expired(jobs.service, run, timedelta(days=99)) == []
        (gate / "fail").unlink()
        await jobs.ward.post(f"/cases/{run['case_id']}/processing/retry")
        run = await jobs.run("succeeded", "failed", number=2)
        assert run["state"] == "succeeded", run["reason"]
        assert heard(gate)[3:] == ["prepare", "tell succeeded brief"], "a session of its own"
        assert await expired(jobs.service, run, timedelta(hours=23)) == []
        assert len(await expired(jobs.service, run, timedelta(hours=25))) == 1


@pytest.mark.long
async def test_no_job_runs_when_a_hook_at_the_start_fails(chains, gate):
    (gate / "unprepared").touch()
    async with chains() as jobs:
        await jobs.module("brief")
        await jobs.rule("brief")
        await jobs.series(SERIES, 1)
        run = await jobs.run("failed", "succeeded")
        assert run["state"] == "failed"
        assert "'prepare' at the start of the session failed" in run["reason"]
        assert run["steps"][0]["state"] == "blocked"
        assert heard(gate) == ["prepare", "tell blocked brief"]
        assert await jobs.service.get(f"/processing/{run['id']}/data") == []
