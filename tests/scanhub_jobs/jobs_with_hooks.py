"""A job with hooks around its session; each writes a line about itself."""

import os
from pathlib import Path

from pydantic import BaseModel

from scanhub_jobs import JobContext, Retention, job, migration, on_session_end, on_session_start


def note(text):
    with Path(os.environ["HOOKS_HEARD"]).open("a") as file:
        file.write(f"{text}\n")


class Params(BaseModel):
    fails: bool = False


@on_session_start
def prepare(session):
    """Be heard, and fail where asked to."""
    note(f"prepare {bool(session.session.id)}")
    if os.environ.get("HOOKS_FAIL") == "prepare":
        raise RuntimeError("no room to prepare")


@on_session_end
def tell(session, status):
    """Be heard after every end, and fail where asked to."""
    note(f"tell {status} {len(session.results)}")
    if os.environ.get("HOOKS_FAIL") == "tell":
        raise SystemExit("nobody hears")


@on_session_end("failed", "timed_out")
def alarm(_session, status):
    """Be heard when something is wrong."""
    note(f"alarm {status}")


before, after = migration.session_hooks(
    lambda session_id, **_: note(f"pre {bool(session_id)}"),
    lambda status, **_: note(f"post {status}"),
)


@job("leaves", retention=Retention.of(success="1d"))
def leaves(ctx: JobContext[Params]) -> None:
    """Leave data, a file and an image."""
    ctx.data["seen"] = len(ctx.series)
    ctx.files.put("a.txt", b"a")
    ctx.keep(ctx.dicom.derive(ctx.series.datasets(), like=ctx.series))
    if ctx.params.fails:
        raise RuntimeError("the job's own error")


@job("cleans", retention=Retention.of(success="0s", failure="0s"))
def cleans(ctx: JobContext) -> None:
    """Leave a file for nobody."""
    ctx.files.put("a.txt", b"a")
