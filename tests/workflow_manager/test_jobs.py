"""Which jobs there are: those of the platform, and those of packages beside it."""

import sys

import pytest

from scanhub_libraries.errors import UnprocessableError
from workflow_manager.jobs.built_in import BUILT_IN
from workflow_manager.jobs.parameters import check_parameters, problems_of, with_defaults

RECONSTRUCTION = BUILT_IN["reconstruction"]
GOOD = """
from pydantic import BaseModel, Field
from scanhub_jobs import JobContext, job

print("a module that prints")


class Params(BaseModel):
    threshold: float = Field(0.5, ge=0, le=1, title="Threshold")


@job("brightest", version="1.2.3", timeout="10m", retries=1, needs=["before"])
def brightest(ctx: JobContext[Params]) -> None:
    '''Mark what is bright.'''


@job("reconstruction")
def another(ctx: JobContext) -> None:
    '''A name that is taken.'''
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return what puts a package with entry points where Python looks for such."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))

    def put(name, version, entries, source=""):
        module = name.replace("-", "_")
        (folder / f"{module}.py").write_text(source)
        info = folder / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"{key} = {value}" for key, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[scanhub.jobs]", *lines, ""]))

    return put


async def test_the_jobs_of_the_platform_say_what_they_can_be_told(service):
    jobs = {job["id"]: job for job in await service.get("/jobs")}
    job = jobs["reconstruction"]
    assert (job["source"], job["problem"], job["version"]) == ("built-in", "", "1.0.0")
    assert job["inputs"] == [{"kinds": ["raw_data"], "least": 1, "most": 1}]
    assert job["outputs"] == ["images"]
    coils = job["parameters"]["properties"]["coil_combination"]
    assert (coils["enum"], coils["default"]) == (["rss", "adaptive"], "rss")
    assert await service.get("/jobs/reconstruction") == job


async def test_scanhubs_clients_see_jobs_in_their_form(service):
    for job in await service.get("/tasks/"):
        assert set(job) == {"job_id", "job_name", "repository", "location"}


async def test_jobs_of_packages_are_found_and_a_broken_one_breaks_nothing(service, install):
    entries = {"brightest": "good_jobs:brightest", "reconstruction": "good_jobs:another"}
    install("good-jobs", "0.3", entries, GOOD)
    install("mute", "1", {"mute": "mute:nothing"})
    install("misnamed", "1", {"other": "good_jobs:brightest"})
    install("crashing", "1", {"crashing": "crashing:job"}, "import os\nos._exit(7)\n")
    jobs = await service.get("/jobs")
    (job,) = (job for job in jobs if job["id"] == "brightest")
    assert (job["source"], job["package"], job["problem"]) == ("entry point", "good-jobs 0.3", "")
    assert (job["version"], job["description"]) == ("1.2.3", "Mark what is bright.")
    assert (job["timeout_s"], job["retries"], job["needs"]) == (600, 1, ["before"])
    assert job["parameters"]["properties"]["threshold"]["maximum"] == 1
    problems = {job["id"]: job["problem"] for job in jobs if job["problem"]}
    assert "is no job" in problems.pop("mute")
    assert "'brightest'" in problems.pop("other")
    assert "code 7" in problems.pop("crashing")
    assert "of the platform" in problems.pop("reconstruction")
    assert problems == {}
    assert "good_jobs" not in sys.modules
    assert (await service.get("/jobs/reconstruction"))["source"] == "built-in"


async def test_a_job_that_is_not_there_is_answered_with_those_that_are(service):
    answer = await service.user.get("/api/v1/workflowmanager/jobs/nothing")
    assert answer.status_code == 404
    assert "reconstruction" in answer.json()["detail"]


def test_parameters_that_do_not_fit_are_named():
    given = {"coil_combination": "best", "memory_gib": 0, "colour": 1}
    problems = dict(problems_of(RECONSTRUCTION.parameters, given))
    assert set(problems) == {"coil_combination", "memory_gib", "colour"}
    assert "coil_combination" in problems["colour"]
    with pytest.raises(UnprocessableError) as refused:
        check_parameters(RECONSTRUCTION, {"colour": 1})
    assert refused.value.extensions["field"] == "parameter.colour"


def test_what_is_not_given_is_as_by_default():
    whole = with_defaults(RECONSTRUCTION, {"memory_gib": 2})
    assert (whole["memory_gib"], whole["coil_combination"]) == (2, "rss")
    check_parameters(RECONSTRUCTION, whole)
