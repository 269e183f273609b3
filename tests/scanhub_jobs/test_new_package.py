"""`scanhub-jobs new`: what is written works as it is."""

import importlib.util
import subprocess
import sys
import tomllib

import numpy as np
import pytest
from programs_of_dicom import checked
from typer.testing import CliRunner

from scanhub_jobs import JobContext
from scanhub_jobs.cli import app
from scanhub_jobs.finding import find_job
from scanhub_jobs.testing import write_series

pytest_plugins = ["scanhub_jobs.pytest_plugin"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    done = CliRunner().invoke(app, ["new", "bright-part", "--folder", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1].startswith("Now: cd ")
    monkeypatch.syspath_prepend(str(tmp_path / "bright-part"))
    yield tmp_path / "bright-part"
    for name in [name for name in sys.modules if name.partition(".")[0] == "bright_part"]:
        del sys.modules[name]


def test_its_job_is_found_by_its_entry_point_and_passes_its_own_tests(
    package, job_context, tmp_path
):
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    ((name, entry),) = project["entry-points"]["scanhub.jobs"].items()
    assert find_job(entry).name == name == "bright-part"
    assert "$" not in "".join(
        p.read_text() for p in package.rglob("*.*") if p.is_file() and p.suffix != ".pyc"
    )
    path = package / "tests" / "test_job.py"
    spec = importlib.util.spec_from_file_location("tests_of_bright_part", path)
    tests = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tests)
    tests.test_the_bright_part_is_found(job_context, tmp_path / "one")
    tests.test_other_modalities_are_skipped(job_context, tmp_path / "other")


@pytest.mark.long
def test_pytest_runs_its_tests(package):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(package)]
    done = subprocess.run(command, cwd=package, check=False, capture_output=True, text=True)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["Bright", "1st", "a_b", "class", "", "a/b"])
def test_names_that_cannot_be_are_refused(tmp_path, name):
    done = CliRunner().invoke(app, ["new", name, "--folder", str(tmp_path)])
    assert (done.exit_code, "names no package" in done.output) == (2, True)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over(package):
    done = CliRunner().invoke(app, ["new", "bright-part", "--folder", str(package.parent)])
    assert (done.exit_code, "already" in done.output) == (2, True)


def test_a_series_for_tests_is_sound_and_the_same_each_time(tmp_path):
    values = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    first = write_series(tmp_path / "a", values, affine=np.diag([2.0, 2, 3, 1]), EchoTime="5")
    again = write_series(tmp_path / "b", values, affine=np.diag([2.0, 2, 3, 1]), EchoTime="5")
    contents = [sorted(p.read_bytes() for p in folder.iterdir()) for folder in (first, again)]
    assert contents[0] == contents[1]
    write_series(first, values, series=2)
    assert len(JobContext.local(first, series=None, event="stable-study").study.series) == 2
    ctx = JobContext.local(again)
    assert sorted(np.stack([d.pixel_array for d in ctx.series.datasets()]).ravel()) == list(
        range(24)
    )
    checked(list(ctx.series.datasets()), tmp_path / "check", "MRImage")
    write_series(tmp_path / "ct", values, modality="CT")
    checked(list(JobContext.local(tmp_path / "ct").series.datasets()), tmp_path / "c2", "CTImage")
