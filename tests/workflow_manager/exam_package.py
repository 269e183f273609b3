"""A package of jobs for exams: of raw data, of images, and some that end otherwise."""

SOURCE = '''
import json, os, time
from pathlib import Path
import numpy as np
from pydantic import BaseModel, Field
from scanhub_jobs import JobContext, Retention, Skip, job, on_session_end, on_session_start

gate = Path("GATE")


def note(text):
    with (gate / "heard").open("a") as file:
        file.write(text + "\\n")
    while (gate / f"{text.split()[0]} slowly").exists():
        time.sleep(0.02)


@on_session_start
def prepare(session):
    """Be heard, and fail where asked to."""
    note("prepare")
    if (gate / "unprepared").exists():
        raise RuntimeError("no room to prepare")


@on_session_end
def tell(session, status):
    """Be heard after every end."""
    session.log.info("it is over")
    note(f"tell {status} {','.join(r.job.name for r in session.results)}")


@on_session_end("failed", "timed_out")
def alarm(_session, status):
    """Be heard when something is wrong, and fail."""
    note(f"alarm {status}")
    raise RuntimeError("nobody hears")


class Gain(BaseModel):
    gain: float = Field(1.0, ge=0, title="Gain", description="By which values are multiplied")
    salt: str | None = Field(None, json_schema_extra={"writeOnly": True})


@job("raw_size", version="1.1.0", reads="raw-data")
def raw_size(ctx: JobContext[Gain]) -> dict:
    """Make a picture of raw data, and say how large they are."""
    (path,) = ctx.raw_data
    ctx.progress(0.5, "half of it")
    volume = np.arange(4 * 4 * 2, dtype=np.int16).reshape(4, 4, 2)
    ctx.keep(ctx.dicom.from_nifti((volume, np.eye(4)), like=ctx.reference, description="ramp"))
    ctx.files.put("größe.json", json.dumps({"bytes": path.stat().st_size}).encode())
    ctx.data["seen"] = {"bytes": path.stat().st_size}
    return {"size_bytes": path.stat().st_size}


@job("sees", reads="raw-data", gpus=1)
def sees(_ctx: JobContext) -> dict:
    """Say which graphics processors it sees."""
    return {"sees": os.environ.get("CUDA_VISIBLE_DEVICES", "all")}


@job("careful", version="1.0.0", reads="raw-data")
def careful(ctx: JobContext) -> dict:
    """Make a picture of raw data, and count how often it was begun; be slow or fail if asked to."""
    ctx.data["tries"] = ctx.data.get("tries", 0) + 1
    (path,) = ctx.raw_data
    ctx.files.put("size.json", json.dumps({"bytes": path.stat().st_size}).encode())
    volume = np.arange(4 * 4 * 2, dtype=np.int16).reshape(4, 4, 2)
    ctx.keep(ctx.dicom.from_nifti((volume, np.eye(4)), like=ctx.reference, description="ramp"))
    if (gate / "slow").exists():
        (gate / "pid").write_text(str(os.getpid()))
        while not (gate / "go").exists():
            ctx.check_cancelled()
            time.sleep(0.02)
    if (gate / "fail").exists():
        raise RuntimeError("it was asked to fail")
    return {"tries": ctx.data["tries"]}


@job("count", retention=Retention.of(success="0s"))
def count(ctx: JobContext) -> None:
    """Count images; another job needs it."""
    ctx.data["images"] = len(ctx.series)


@job("brief", retention=Retention.of(success="1d"))
def brief(ctx: JobContext) -> None:
    """Leave a value; fail where asked to."""
    ctx.data["seen"] = len(ctx.series)
    if (gate / "fail").exists():
        raise RuntimeError("it was asked to fail")


@job("report", version="2.0.0", needs=[count], retries=1)
def report(ctx: JobContext[Gain]) -> dict:
    """Make a document of images; be slow or fail where asked to."""
    ctx.data["tries"] = ctx.data.get("tries", 0) + 1
    images = ctx.upstream("count").data["images"]
    if (gate / "slow").exists():
        (gate / "pid").write_text(str(os.getpid()))
        while not (gate / "go").exists():
            ctx.check_cancelled()
            time.sleep(0.02)
    if (gate / "fail").exists():
        ctx.files.put("why.txt", b"it was asked to")
        raise RuntimeError("it was asked to fail")
    pdf = b"%PDF-1.4\\\\n%%EOF\\\\n"
    ctx.files.put("report.pdf", pdf)
    ctx.files.put("mask.nii.gz", b"\\x1f\\x8b")
    ctx.keep([ctx.dicom.from_pdf(pdf, like=ctx.series, title="Report")])
    return {"images": images, "tries": ctx.data["tries"], "gain": ctx.params.gain}


@report.when
def _wanted(series, params):
    return Skip(reason="gain is nothing") if params.gain == 0 else True
'''
