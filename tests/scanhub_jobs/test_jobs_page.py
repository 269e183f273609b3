"""The job of docs/jobs.md does what the page says."""

import re
import sys
from pathlib import Path

import pytest
from series_files import series

from scanhub_jobs import JobContext, State, execute
from scanhub_jobs.finding import find_job

PAGE = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text("utf-8")
JOB, TEST, *_ = re.findall(r"^```python\n(.*?)```", PAGE, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def brightest(tmp_path, monkeypatch):
    (tmp_path / "jobs_of_the_page.py").write_text(JOB)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield find_job("jobs_of_the_page:brightest")
    sys.modules.pop("jobs_of_the_page")


def test_the_job_of_the_page_has_thirty_lines_and_works(brightest, tmp_path):
    assert len(JOB[JOB.index("@job") :].splitlines()) <= 30
    ctx = JobContext.local(series(tmp_path / "dicom"), job=brightest, out=tmp_path / "out")
    result = execute(brightest, ctx)
    assert (result.state, result.failure) == (State.SUCCEEDED, None)
    assert [file.name for file in result.files] == ["mask.nii.gz"]
    assert len(result.images) == 1
    assert ctx.data["volume_ml"] == result.returned["volume_ml"] > 0


def test_it_is_skipped_for_what_is_no_mr(brightest, tmp_path):
    folder = series(tmp_path / "dicom", 1, Modality="CT")
    result = execute(brightest, JobContext.local(folder, job=brightest, out=tmp_path / "out"))
    assert (result.state, result.reason) == (State.SKIPPED, "no MR")


def test_the_test_of_the_page_passes(brightest, tmp_path, monkeypatch, job_context):
    series(tmp_path / "tests" / "dicom")
    monkeypatch.chdir(tmp_path)
    names = {"brightest": brightest}
    exec(TEST, names)  # noqa: S102 - our own page
    names["test_the_bright_part_is_found"](job_context)


pytest_plugins = ["scanhub_jobs.pytest_plugin"]
