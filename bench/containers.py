"""What a module container takes to start and to end, beside a bare `podman run` of its image."""

import asyncio
import os
import statistics
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.dicomweb_images import images, series_uid
from bench.measure import Row, spread_ms
from bench.stow import store
from scanhub.demo.container import NAME, NoContainerError, make_container
from scanhub.demo.data import DemoApi

_PATIENCE_S = 120.0
_FIRST = 700_000
_EDGE = 8
_MOST = 1.5
_WHAT = "a module container of a shell that copies an image"
_INPUT, _OUTPUT = "/tmp/data", "/tmp/output"  # noqa: S108 - in the container


@dataclass(frozen=True)
class _Bare:
    """The same container without a platform."""

    engine: str
    image: str
    folder: Path

    async def run(self) -> float:
        """Return how long it takes [s]."""
        source, target = self.folder / "in", self.folder / f"out-{time.monotonic_ns()}"
        target.mkdir(parents=True)
        command = [
            *(self.engine, "run", "--rm", "--network=none", "--pull=never", "--log-driver=none"),
            *(f"--volume={source}:{_INPUT}:ro", f"--volume={target}:{_OUTPUT}:rw"),
            *(f"--env=MERCURE_IN_DIR={_INPUT}", f"--env=MERCURE_OUT_DIR={_OUTPUT}"),
            *(f"--user={os.getuid()}:{os.getgid()}", self.image),
        ]
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await process.communicate()
        seconds = time.perf_counter() - began
        if process.returncode != 0:
            raise RuntimeError(f"the bare container failed: {said.decode()[-500:]}")
        return seconds


async def container_row(api: DemoApi, folder: Path, *, count: int) -> Row:
    """Measure the step of a module by turns with a bare start of its image.

    Args:
        api: A server, with somebody who is logged in.
        folder: For files of the bare one.
        count: How many of each.
    """
    try:
        await make_container(api)
    except NoContainerError as error:
        return Row(_WHAT, "skipped", "none", holds=True, peer=str(error))
    rule = {"name": NAME, "rule": "tags.PatientID.startswith('WEB')", "action": "process"}
    options = {"target": [], "processing_module": [NAME]}
    await api.call("POST", "/workflowmanager/rules", json={**rule, **options})
    test = await api.call("POST", f"/workflowmanager/modules/{NAME}/test")
    module = await api.call("GET", f"/workflowmanager/modules/{NAME}")
    bare = _Bare(test["runtime"], module["docker_tag"], folder / "bare")
    await asyncio.to_thread(_give, bare.folder / "in")
    await _step(api, _FIRST)  # whatever happens once for an image
    ours, peers = [], [await bare.run()]
    for number in range(1, count + 1):
        ours.append(await _step(api, _FIRST + number))
        peers.append(await bare.run())
    ratio = statistics.median(ours) / statistics.median(peers[1:])
    figures, peer = spread_ms(ours), spread_ms(peers[1:])
    return Row(
        f"{_WHAT}, {count} times",
        f"median {figures['median_ms']:.0f} ms = {ratio:.2f} x",
        f"<= {_MOST:g} x",
        holds=ratio <= _MOST,
        peer=f"bare `{bare.engine} run` {peer['median_ms']:.0f} ms",
        detail={**figures, "ratio": ratio, **{f"bare_{k}": v for k, v in peer.items()}},
    )


def _give(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "image.dcm").write_bytes(next(images(_FIRST, 1, _EDGE)))


async def _step(api: DemoApi, study: int) -> float:
    """Receive an image; return how long the module took for it, from its start to its end [s]."""
    image = await asyncio.to_thread(lambda: next(images(study, 1, _EDGE)))
    await store(api, [image])
    await api.call("POST", f"/workflowmanager/series/{series_uid(study)}/complete")
    query = f"/workflowmanager/cases?series_instance_uid={series_uid(study)}"
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            cases = await api.call("GET", query)
            if cases:
                path = f"/workflowmanager/processing?case_id={cases[0]['id']}"
                runs = await api.call("GET", path)
                if runs and runs[0]["ended_at"] is not None:
                    break
            await asyncio.sleep(0.1)
    (run,) = runs
    if run["state"] != "succeeded":
        raise RuntimeError(f"the module {run['state']}: {run['reason']}")
    (step,) = run["steps"]
    began, ended = (datetime.fromisoformat(step[name]) for name in ("started_at", "ended_at"))
    return (ended - began).total_seconds()
