"""Jobs for the tests: some that work, and one for each way to end."""

import os
import signal
import subprocess
import time

from pydantic import BaseModel, Field

from scanhub_jobs import Event, JobContext, JobInputError, Skip, job


class Params(BaseModel):
    threshold: float = Field(0.5, ge=0, le=1)
    label: str = "x"


@job("denoise", version="2.1.0")
def denoise(ctx: JobContext) -> None:
    """Count the images of a series."""
    ctx.data["count"] = len(ctx.series)
    ctx.files.put("uid.txt", ctx.series.uid.encode())


@job("segment", on=Event.STUDY_STABLE, needs=[denoise], timeout="30m", retries=2)
def segment(ctx: JobContext[Params]) -> dict[str, float]:
    """Add up what came before."""
    ctx.progress(0.5, "adding")
    ctx.log.info("threshold %s", ctx.params.threshold)
    total = sum(up.data["count"] for up in ctx.upstream("denoise"))
    ctx.files.put("total.txt", str(total).encode())
    return {"total": total, "threshold": ctx.params.threshold}


@segment.when
def _wanted(study, params):
    if params.label == "skip":
        return Skip(reason="nothing to see")
    return {"threshold": 0.25} if params.label == "overlay" else params.label != "no"


class Ending(BaseModel):
    how: str
    once: bool = False


@job("ends", timeout="60s", retries=1)
def ends(ctx: JobContext[Ending]) -> object:
    """End as asked."""
    ctx.data["tries"] = ctx.data.get("tries", 0) + 1
    if ctx.params.once and ctx.job.attempt > 1:
        return ctx.data["tries"]
    return _ENDINGS[ctx.params.how](ctx)


def _raise(_):
    raise RuntimeError('it said "no"\nand more')


def _at_fault(_):
    raise JobInputError("The images have no geometry.")


def _current(ctx):
    command = "from scanhub_jobs import JobContext as J; c = J.current(); c.data['child'] = 1"
    subprocess.run(["sh", "-c", f'python3 -c "{command}"'], check=True)
    return ctx.data["child"]


_ENDINGS = {
    "raise": _raise,
    "at_fault": _at_fault,
    "exit": lambda _: os.sys.exit(3),
    "segfault": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "unserialisable": lambda _: object(),
    "current": _current,
}


@job("slow", timeout=0.5)
def slow(_: JobContext) -> None:
    """Go on for ever, deaf."""
    while True:
        time.sleep(1)


@job("polite", timeout=0.5)
def polite(ctx: JobContext) -> None:
    """Go on for ever, and listen."""
    while True:
        ctx.check_cancelled()
        time.sleep(0.02)


@job("waits")
def waits(ctx: JobContext) -> None:
    """Go on until somebody minds."""
    ctx.progress(0, "waiting")
    while True:
        ctx.check_cancelled()
        time.sleep(0.02)


@job("after", needs=["ends"])
def after(ctx: JobContext) -> None:
    """Never be reached when what it needs fails."""
