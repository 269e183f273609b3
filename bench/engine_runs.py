"""Rows of runs in the whole service: what a run adds to its job."""

import asyncio
import json
import os
import statistics
import sys
import time
from datetime import datetime
from pathlib import Path

from bench import rows
from bench.containers import container_row
from bench.engine_lab import Lab, open_lab
from bench.engine_lag import lag_row
from bench.measure import Row, spread_ms

_CONTEXT = {
    "run_id": "bench",
    "acquired_at": "2026-11-22T12:00:00Z",
    "patient": {
        "id": "BENCH",
        "name": "Bench^Ada",
        "birth_date": "1985-12-10",
        "sex": "F",
        "weight_kg": 62.0,
        "height_m": 1.68,
    },
    "study": {
        "instance_uid": "2.25.1",
        "id": "1",
        "accession_number": "",
        "study_date": "2026-11-22",
        "study_time": "12:00:00",
        "description": "Bench",
    },
    "series": {"number": 1, "description": "Bench", "protocol_name": "Bench"},
}


async def run_rows(folder: Path, *, quick: bool) -> list[Row]:
    """Measure runs of jobs of an exam, in a server of their own."""
    async with open_lab(folder) as lab:
        raw = await asyncio.to_thread(rows.simulate, folder / "raw.mrd")
        return [
            await _overhead(lab, folder, raw, count=5 if quick else 20),
            await lag_row(lab, folder, quick=quick),
            await container_row(lab.api, folder, count=3 if quick else 10),
        ]


async def _overhead(lab: Lab, folder: Path, raw: Path, *, count: int) -> Row:
    """Measure a run from its event `run.queued` to its end, by turns with its job by itself."""
    content = await asyncio.to_thread(raw.read_bytes)
    task = lab.data.reconstruction_task_id
    before, runs, bare = _resident_mib(lab.pid), [], []
    await lab.measure(content, "first.mrd")
    await lab.ended(task, 1)
    for number in range(count):
        await lab.api.call("POST", f"/workflowmanager/trigger_task/{task}/")
        run = await lab.ended(task, 2 + number)
        began, ended = (datetime.fromisoformat(run[name]) for name in ("created_at", "ended_at"))
        runs.append((ended - began).total_seconds())
        bare.append(await _bare_job(folder, raw))
    adds = 1000 * (statistics.median(runs) - statistics.median(bare))
    figures = spread_ms(runs)
    return Row(
        f"a small reconstruction as a run, {count} times",
        f"median {figures['median_ms']:.0f} ms, {adds:.0f} ms more than its job",
        "none",
        holds=True,
        peer=f"the job by itself {spread_ms(bare)['median_ms']:.0f} ms",
        detail={
            **figures,
            "adds_ms": adds,
            "before_mib": before,
            "after_mib": _resident_mib(lab.pid),
        },
    )


async def _bare_job(folder: Path, raw: Path) -> float:
    """Return what the job takes by itself, supervised as the service does it [s]."""
    context = folder / "context.json"
    context.write_text(json.dumps(_CONTEXT))
    (folder / "parameters.json").write_text("{}")
    output = folder / f"bare-{time.monotonic_ns()}"
    command = [
        *(sys.executable, "-m", "scanhub_jobs.supervised", str(os.getpid())),
        *("scanhub_jobs.reconstruction", "--input", str(raw), "--context", str(context)),
        *("--output", str(output), "--parameters", str(folder / "parameters.json")),
    ]
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    seconds = time.perf_counter() - began
    if process.returncode != 0:
        raise RuntimeError(f"the job by itself failed: {said.decode()[-1000:]}")
    return seconds


def _resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20
