"""Hooks before and after a session, and how long is kept what it left."""

import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from jobs_with_hooks import cleans, leaves
from series_files import SERIES, series
from typer.testing import CliRunner

from scanhub_jobs import JobContext, State, on_session_end
from scanhub_jobs.cli import app
from scanhub_jobs.errors import JobDefinitionError, JobInputError
from scanhub_jobs.local.backend import peers_of
from scanhub_jobs.local.keeping import clean, hold, release
from scanhub_jobs.local.session import LocalSession
from scanhub_jobs.retention import Kept, Retention


@pytest.fixture
def heard(tmp_path, monkeypatch):
    path = tmp_path / "heard"
    path.touch()
    monkeypatch.setenv("HOOKS_HEARD", str(path))
    return lambda: path.read_text().splitlines()


@pytest.fixture
def session(tmp_path, monkeypatch, heard):
    monkeypatch.setenv("PYTHONPATH", ":".join([str(Path(__file__).parent), *sys.path]))
    folder = series(tmp_path / "dicom", 1)
    return LocalSession(folder, tmp_path / "out", peers_of(None), lambda *_: None)


def left(out):
    return sorted(p.name for p in (out / "jobs").rglob("*") if p.name == "a.txt")


def test_hooks_run_once_and_what_is_left_goes_when_its_time_is_over(session, heard):
    (result,) = session.run(leaves, {})
    assert result.state is State.SUCCEEDED, result.failure
    once = ["prepare True", "pre True", "tell succeeded 1", "post succeeded"]
    assert heard() == once
    session.run(leaves, {})
    assert heard() == once
    out = session.out
    ended = Kept.model_validate_json((out / "retention.json").read_bytes()).ended_at
    assert not clean(out, now=ended + timedelta(hours=23))
    hold(out, "the auditor asked")
    assert not clean(out, now=ended + timedelta(days=9))
    release(out)
    series(session.folder, 1, series=f"{SERIES}.2")  # arrived meanwhile
    assert left(out) == ["a.txt"]
    assert clean(out, now=ended + timedelta(days=1, seconds=1))
    assert not left(out)
    assert not clean(out, now=ended + timedelta(days=9))
    assert len(json.loads((out / "results.json").read_bytes())) == 1
    assert len(list(session.folder.iterdir())) == 2


def test_a_hook_that_raises_does_not_hide_the_jobs_error(session, heard, monkeypatch):
    monkeypatch.setenv("HOOKS_FAIL", "tell")
    (result,) = session.run(leaves, {"fails": True})
    assert (result.state, result.failure.message) == (State.FAILED, "the job's own error")
    assert heard()[2:] == ["tell failed 1", "alarm failed", "post failed"]
    told = {hook.name: hook.done for hook in session.hooks}
    assert told == {
        "prepare": True, "run_pre_services": True, "tell": False, "alarm": True,
        "run_post_services": True,
    }  # fmt: skip
    written = json.loads((session.out / "hooks.json").read_bytes())
    assert [h["failure"]["message"] for h in written if h["failure"]] == ["nobody hears"]
    assert not clean(session.out)
    assert left(session.out) == ["a.txt"]
    context = JobContext.local(session.folder, job=leaves, out=session.out)
    assert context.data["seen"] == 1
    monkeypatch.delenv("HOOKS_FAIL")
    session.run(leaves, {"fails": True})
    assert heard()[5:] == ["tell failed 1"]


def test_nothing_runs_when_the_start_fails(session, heard, monkeypatch):
    monkeypatch.setenv("HOOKS_FAIL", "prepare")
    (result,) = session.run(leaves, {})
    assert result.state is State.BLOCKED
    assert result.reason == "The hook 'prepare' at the start of the session failed."
    assert heard() == ["prepare True", "pre True", "tell blocked 1", "post blocked"]


def test_what_need_not_be_kept_goes_at_once_and_a_hold_stays(session, heard):
    assert session.run(cleans, {})[0].state is State.SUCCEEDED
    assert not left(session.out)
    hold(session.out, "look at it")
    session.run(cleans, {})
    assert left(session.out) == ["a.txt"]


def test_the_command_line_tells_hooks_holds_and_cleans(session, heard, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("HOOKS_FAIL", "tell")
    folder, out = str(session.folder), str(session.out)
    done = CliRunner().invoke(app, ["run", "jobs_with_hooks:cleans", folder, "--out", out])
    assert (done.exit_code, "hook tell at the end of the session failed" in done.output) == (
        1,
        True,
    )
    for command, said in (
        (["hold", out, "--reason", "x"], "held"),
        (["clean", out], "kept"),
        (["hold", out, "--release"], "released"),
    ):
        assert CliRunner().invoke(app, command).output == f"{said}\n"
    nothing = CliRunner().invoke(app, ["clean", folder])
    assert (nothing.exit_code, "No session has ended" in nothing.output) == (2, True)


def test_the_longest_retention_counts_and_durations_are_checked(tmp_path):
    both = Retention.of(success="1d") | Retention.of(success="2h", failure=30)
    assert both == Retention(success_s=86400, failure_s=None)
    with pytest.raises(JobDefinitionError, match="success='soon' is no duration"):
        Retention.of(success="soon")
    with pytest.raises(JobDefinitionError, match="a session ends as one of succeeded"):
        on_session_end("well")
    with pytest.raises(JobInputError, match="No session has ended"):
        hold(tmp_path, "")
