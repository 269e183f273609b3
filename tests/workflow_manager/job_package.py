"""A package of jobs: some that work, and one for each way to end."""

SOURCE = '''
import json, os, signal, subprocess, sys, time
from pathlib import Path
import numpy as np
from pydantic import BaseModel, Field
from scanhub_jobs import Event, JobContext, JobInputError, Skip, job

gate = Path("GATE")


class Params(BaseModel):
    threshold: float = Field(0.5, ge=0, le=1)
    label: str = "x"


@job("denoise", version="2.1.0", on=[Event.SERIES_STABLE])
def denoise(ctx: JobContext) -> None:
    """Count the images of a series."""
    ctx.data["count"] = len(ctx.series)
    ctx.files.put("uid.txt", ctx.series.uid.encode(), meta={"of": "series"})


@job("segment", on=[Event.SERIES_STABLE, Event.STUDY_STABLE], needs=[denoise])
def segment(ctx: JobContext[Params]) -> dict:
    """Add up what came before."""
    ctx.log.info("threshold %s", ctx.params.threshold)
    ups = list(ctx.upstream("denoise"))
    total = sum(up.data["count"] for up in ups)
    texts = [up.files.get("uid.txt").decode() for up in ups]
    return {"total": total, "uids": texts, "threshold": ctx.params.threshold}


@segment.when
def _wanted(images, params):
    if params.label == "skip":
        return Skip(reason="nothing to see")
    if params.label == "fail":
        raise RuntimeError("the predicate broke")
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
    raise RuntimeError('it said "no"\\nand more')


def _at_fault(_):
    raise JobInputError("The images have no geometry.")


_ENDINGS = {
    "raise": _raise,
    "at_fault": _at_fault,
    "exit": lambda _: sys.exit(3),
    "segfault": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "unserialisable": lambda _: object(),
}


@job("after", needs=["segment"])
def after(ctx: JobContext) -> None:
    """Never be reached when what it needs did not succeed."""


@job("slow", timeout=1.0)
def slow(_: JobContext) -> None:
    """Go on for ever, deaf."""
    while True:
        time.sleep(0.1)


@job("waits")
def waits(ctx: JobContext) -> None:
    """Go on until somebody minds."""
    ctx.log.warning("it waits")
    ctx.progress(0.25, "waiting")
    part = gate / "environment.part"
    part.write_text(json.dumps(dict(os.environ)))
    part.rename(gate / "environment.json")
    while not (gate / "go").exists():
        try:
            ctx.check_cancelled()
        except Exception:
            (gate / "told to stop").touch()
            raise
        time.sleep(0.02)


@job("looks")
def looks(ctx: JobContext) -> dict:
    """Say what a job sees, also from a shell."""
    code = (
        "from scanhub_jobs import JobContext as J; c = J.current();"
        "c.data['child'] = [c.job.name, c.job.event, c.session.id, c.job.service, c.job.attempt]"
    )
    command = f'"{sys.executable}" -c "{code}"'
    subprocess.run(["sh", "-c", command], check=True)
    import hashlib
    folder = ctx.work / "export"
    paths = ctx.series.export(folder)
    header = next(ctx.series.datasets(stop_before_pixels=True))
    try:
        ctx.upstream("denoise")
    except Exception as error:
        refused = f"{type(error).__name__}: {error}"
    ctx.files.put("notes.txt", b"one")
    ctx.files.put("notes.txt", b"two", meta={"n": 2})
    ctx.data["odd"] = {"text": "\\ud800 \\u0000 ü", "none": None, "number": np.float32(0.5)}
    ctx.data["gone"] = 1
    del ctx.data["gone"]
    missing = []
    for look in (lambda: ctx.data["gone"], lambda: ctx.files.get("gone"), lambda: ctx.peers["x"]):
        try:
            look()
        except Exception as error:
            missing.append(type(error).__name__)
    return {
        "child": ctx.data["child"],
        "hashes": sorted(hashlib.sha256(p.read_bytes()).hexdigest() for p in paths),
        "pixels": "PixelData" in header,
        "order": [d.InstanceNumber for d in ctx.series.datasets()],
        "refused": refused,
        "files": list(ctx.files),
        "notes": ctx.files.get("notes.txt").decode(),
        "meta": ctx.files.stat("notes.txt").meta,
        "odd": ctx.data["odd"]["none"] is None and ctx.data["odd"]["number"] == 0.5,
        "names": list(ctx.data),
        "missing": missing,
        "sender": ctx.sender and ctx.sender.name,
    }


@job("sends")
def sends(ctx: JobContext) -> dict:
    """Send the images by itself."""
    report = ctx.peers["NODE"].send(ctx.series.export(ctx.work / "out"))
    report.raise_for_failures()
    return {"peers": list(ctx.peers), "sender": ctx.sender and ctx.sender.name}


@job("makes", version="1.0.1", retries=1)
def makes(ctx: JobContext) -> dict:
    """Make images and a file, all over again when it is tried again."""
    first = next(ctx.series.datasets())
    image = ctx.dicom.from_image(np.full((8, 8), 7, np.uint8), like=first, description="made")
    ctx.keep([image])
    ctx.files.put("pixels.bin", image.PixelData)
    ctx.data["uid"] = image.SOPInstanceUID
    if ctx.job.attempt == 1 and (gate / "fail").exists():
        raise RuntimeError("once more")
    return {"kept": ctx.kept}


class Size(BaseModel):
    size: int


class Zeros:
    """A stream of so many zeros that cannot go back."""

    def __init__(self, size):
        self.left = size

    def seekable(self):
        return False

    def read(self, most):
        taken = min(most, self.left)
        self.left -= taken
        return bytes(taken)


@job("large")
def large(ctx: JobContext[Size]) -> dict:
    """Store a large file and read it again; say how much memory that took [KiB]."""
    import hashlib
    import resource
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    info = ctx.files.put("zeros.bin", Zeros(ctx.params.size))
    total = hashlib.sha256()
    with ctx.files.open("zeros.bin") as file:
        while piece := file.read(1 << 20):
            total.update(piece)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"size": info.size, "same": total.hexdigest() == info.sha256, "grown_kib": grown}


@job("whole", version="3.2.1")
def whole(ctx: JobContext) -> str:
    """Wait for a file, then make everything that a job can make."""
    if gate.exists():
        (gate / f"began-{time.time_ns()}").touch()
        while not (gate / "go").exists():
            time.sleep(0.02)
    arrays = [d.pixel_array for d in ctx.series.datasets()]
    ctx.files.put("sum.bin", np.sum(arrays, axis=0).astype("<u4").tobytes())
    ctx.files.put("order.txt", repr([int(a[0, 0]) for a in arrays]).encode())
    first = next(ctx.series.datasets(stop_before_pixels=True))
    picture = ctx.dicom.from_image(np.full((8, 8), 7, np.uint8), like=first, description="made")
    ctx.keep([picture, ctx.dicom.from_pdf(b"%PDF-1.4\\n%%EOF\\n", like=first, title="Report")])
    return ctx.job.id
'''
