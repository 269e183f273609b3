"""`scanhub-jobs run`: a job ends in exactly one state, however it ends."""

import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from sample_jobs import Ending, after, denoise, ends, polite, segment, slow
from series_files import SERIES, series
from typer.testing import CliRunner

from scanhub_jobs import Event, JobContext, State, execute
from scanhub_jobs.cli import app
from scanhub_jobs.errors import JobDefinitionError
from scanhub_jobs.finding import find_job, in_order
from scanhub_jobs.local.backend import peers_of
from scanhub_jobs.local.folder import read_folder, subjects
from scanhub_jobs.local.session import LocalSession


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", ":".join([str(Path(__file__).parent), *sys.path]))
    folder = series(tmp_path / "dicom", 1)
    return LocalSession(folder, tmp_path / "out", peers_of(None), lambda *_: None, grace_s=0.5)


@pytest.mark.parametrize(
    ("how", "kind", "message", "tries"),
    [
        ("raise", "RuntimeError", 'it said "no"\nand more', 2),
        ("at_fault", "JobInputError", "The images have no geometry.", 1),
        ("segfault", "SIGSEGV", "", 2),
    ],
)
def test_a_job_that_fails_has_failed(session, how, kind, message, tries):
    (result,) = session.run(ends, {"how": how})
    assert (result.state, result.failure.kind) == (State.FAILED, kind)
    assert result.failure.message.startswith(message)
    assert result.job.attempt == tries
    context = JobContext.local(session.folder, job=ends, params={"how": how}, out=session.out)
    assert context.data["tries"] == tries


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("exit", "SystemExit", "3"),
        ("unserialisable", "ValueRefusedError", "what the job returned is a object"),
    ],
)
def test_what_a_job_cannot_end_with_is_a_failure(session, how, kind, message):
    context = JobContext.local(session.folder, job=ends, params={"how": how}, out=session.out)
    result = execute(ends, context)
    assert (result.state, result.failure.kind) == (State.FAILED, kind)
    assert result.failure.message.startswith(message)


def test_a_job_that_succeeds_when_it_is_tried_again_has_succeeded(session):
    (result,) = session.run(ends, {"how": "segfault", "once": True})
    assert (result.state, result.returned, result.job.attempt) == (State.SUCCEEDED, 2, 2)


def test_what_a_job_starts_finds_its_context_too(session, monkeypatch, tmp_path):
    (tmp_path / "python3").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    (result,) = session.run(ends, {"how": "current"})
    assert (result.state, result.returned) == (State.SUCCEEDED, 1)


@pytest.mark.parametrize("job", [slow, polite], ids=lambda job: job.name)
def test_a_job_whose_time_is_over_is_stopped(session, job):
    (result,) = session.run(job, {})
    assert result.state is State.TIMED_OUT
    written = json.loads((session.out / "results.json").read_bytes())
    assert [r["state"] for r in written] == ["timed_out"]


def test_what_needs_a_failed_job_is_blocked(session):
    results = session.run(after, {})
    assert [(r.job.name, r.state) for r in results] == [("ends", "failed"), ("after", "blocked")]
    assert results[1].reason == "'ends', which it needs, is failed."


def test_the_command_line_runs_a_job_and_what_it_needs(session, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    series(session.folder, 2, series=f"{SERIES}.2")
    arguments = ["run", "sample_jobs:segment", str(session.folder), "--out", str(session.out)]
    done = CliRunner().invoke(app, [*arguments, "--param", "threshold=0.25"])
    assert done.exit_code == 0, done.output
    assert "segment: 50 % adding" in done.output
    assert "segment: threshold 0.25" in done.output
    assert f"denoise succeeded for {SERIES}, 1 file" in done.output
    results = json.loads((session.out / "results.json").read_bytes())
    assert [r["job"]["name"] for r in results] == ["denoise", "denoise", "segment"]
    assert results[-1]["returned"] == {"total": 3, "threshold": 0.25}
    assert [f["name"] for f in results[-1]["files"]] == ["total.txt"]
    assert not list(session.out.rglob("run.json"))


def test_ctrl_c_cancels_the_job_and_begins_no_other(session):
    series(session.folder, 1, series=f"{SERIES}.2")
    command = [sys.executable, "-m", "scanhub_jobs.cli", "run", "sample_jobs:waits"]
    command += [str(session.folder), "--out", str(session.out)]
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # what runs us may ignore it
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=heard) as process:  # noqa: PLW1509 - it takes no lock
        assert process.stdout.readline() == "waits: 0 % waiting\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(50) == 1
    (result,) = json.loads((session.out / "results.json").read_bytes())
    assert result["state"] == "cancelled"


def test_the_command_line_says_what_is_wrong(session, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    folder, out = str(session.folder), str(session.out)
    for wrong, why in (
        (["sample_jobs:segment", folder, "--out", out, "--param", "threshold=2"], "threshold"),
        (["sample_jobs:nothing", folder, "--out", out], "is no job"),
        (["no_such_module:x", folder, "--out", out], "no_such_module"),
        (["sample_jobs:denoise", out, "--out", out], "no DICOM images"),
    ):
        Path(out).mkdir(exist_ok=True)
        done = CliRunner().invoke(app, ["run", *wrong])
        assert (done.exit_code, why in done.output) == (2, True), done.output


def test_a_job_is_described(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    done = CliRunner().invoke(app, ["describe", "sample_jobs:denoise"])
    assert json.loads(done.output)["version"] == "2.1.0"


def _ended(folder, params, tmp_path):
    return execute(segment, JobContext.local(folder, job=segment, params=params, out=tmp_path))


def test_a_predicate_decides_and_says_why(session, tmp_path):
    folder, out = session.folder, tmp_path / "out"
    denoise(JobContext.local(folder, job=denoise, out=out))
    skipped = _ended(folder, {"label": "skip"}, out)
    assert (skipped.state, skipped.reason) == (State.SKIPPED, "nothing to see")
    assert _ended(folder, {"label": "no"}, out).state is State.SKIPPED
    overlaid = _ended(folder, {"label": "overlay"}, out)
    assert (overlaid.parameters["threshold"], overlaid.returned["threshold"]) == (0.25, 0.25)


def test_a_predicate_that_fails_fails_the_job(session, tmp_path, monkeypatch):
    context = JobContext.local(session.folder, job=segment, out=tmp_path / "out")
    for answer, kind in (
        (lambda *_: 1 / 0, "ZeroDivisionError"),
        (lambda *_: {"threshold": 7}, "ParameterError"),
        (lambda *_: 3, "JobDefinitionError"),
    ):
        monkeypatch.setattr(segment, "_predicate", answer)
        result = execute(segment, context)
        assert (result.state, result.failure.kind) == (State.FAILED, kind)


def test_jobs_in_a_circle_are_refused(tmp_path, monkeypatch):
    text = "from scanhub_jobs import job, JobContext\n"
    for name, needed in (("a", "b"), ("b", "a")):
        text += f"@job('{name}', needs=['{needed}'])\ndef {name}(ctx: JobContext) -> None: ...\n"
    (tmp_path / "circle_of_jobs.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(JobDefinitionError, match="need one another: a > b > a"):
        in_order(find_job("circle_of_jobs:a"))


def test_each_event_has_its_subjects(tmp_path):
    folder = series(tmp_path / "dicom", 2)
    series(folder, 1, series=f"{SERIES}.2")
    series(folder, 1, series=f"{SERIES}.3", study="1.2.3")
    series(folder, 1, series=f"{SERIES}.4", study="1.2.4", PatientID="P-2")
    found = read_folder(folder)
    assert [len(subjects(found, event)) for event in Event] == [4, 3, 2]
    assert [event.value for event in Event] == ["stable-series", "stable-study", "stable-patient"]


def test_parameters_are_documents():
    assert Ending(how="raise").model_dump() == {"how": "raise", "once": False}
