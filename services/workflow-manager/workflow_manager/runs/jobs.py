"""The jobs there are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Job:
    """A job: a Python module that is run as a process of its own."""

    job_id: str
    name: str
    module: str
    max_inputs: int


JOBS: dict[str, Job] = {
    "cartesian_reconstruction": Job(
        job_id="cartesian_reconstruction",
        name="Cartesian reconstruction",
        module="scanhub_jobs.reconstruction",
        max_inputs=1,
    )
}
