"""A service beside which a package of jobs is installed: a folder with its entry points."""

from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from images import SERIES
from job_package import SOURCE
from ward import Node, Ward
from workflow_service import WORKFLOW, until

from workflow_manager.dicom.scp import DicomListener

PATIENCE = 120.0


class Jobs:
    """What the tests do with jobs and what comes of them."""

    def __init__(self, service, ward, gate):
        self.service, self.ward, self.gate = service, ward, gate

    async def module(self, job, name=None, **options):
        body = {"name": name or job, "runner": "job", "job": job, **options}
        return await self.ward.post("/modules", body)

    async def rule(self, *modules, name="process", **options):
        options = {"action": "process", "target": [], "processing_module": list(modules)} | options
        await self.ward.add_rule(name, options.pop("rule", "True"), **options)

    async def series(self, series, *numbers):
        await self.ward.receive(series, *numbers)
        await self.ward.post(f"/series/{series}/complete")

    async def run(self, *states, number=1):
        """Return the newest run, once it is in one of these states."""

        async def there():
            found = await self.service.get("/processing")
            right = found and found[0]["number"] >= number and found[0]["state"] in states
            return found[0] if right else None

        return await until(there, PATIENCE)

    async def one(self, job, *numbers, **settings):
        """Run one job on a series of some images; return its run."""
        await self.module(job, settings=settings)
        await self.rule(job)
        await self.series(SERIES, *(numbers or (1,)))
        return await self.run("succeeded", "failed", "timed_out")

    async def beside(self, chain, settings, at=0):
        """Run a chain for several series, the job at a place each time otherwise; their runs."""
        for job in chain:
            if job != chain[at]:
                await self.module(job)
        for number, values in enumerate(settings, 1):
            name = f"{chain[at]}{number}"
            await self.module(chain[at], name=name, settings=values)
            mine = f"tags.SeriesInstanceUID.endswith('.{number}')"
            modules = [name if place == at else job for place, job in enumerate(chain)]
            await self.rule(*modules, name=name, rule=mine)
        for number in range(1, len(settings) + 1):
            await self.series(f"{SERIES}.{number}", 1)

        async def ended():
            runs = await self.service.get("/processing")
            done = [run for run in runs if run["state"] in {"succeeded", "failed", "timed_out"}]
            return done[::-1] if len(done) == len(settings) else None

        return await until(ended, PATIENCE)

    async def log(self, run, position=1):
        path = f"{WORKFLOW}/processing/{run['id']}/steps/{position}/log"
        answer = await self.service.user.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


def install(folder: Path, name: str, source: str, entries: dict[str, str]) -> None:
    """Install a package as pip would, but for the files that pip alone reads."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(source)
    info = folder / f"{name}-1.2.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2.3\n")
    lines = [f"{job} = {entry}" for job, entry in entries.items()]
    (info / "entry_points.txt").write_text("[scanhub.jobs]\n" + "\n".join(lines) + "\n")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return what installs the tests' package with some of its jobs, where jobs are looked for."""
    folder, gate = tmp_path / "site", tmp_path / "gate"
    gate.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")

    def put(*names: str) -> Path:
        entries = {name: f"jobs_for_test:{name}" for name in names}
        install(folder, "jobs_for_test", SOURCE.replace("GATE", str(gate)), entries)
        return gate

    return put


@pytest.fixture
def working(serving, package, tmp_path):
    """Return a context manager that runs a service beside which these jobs are installed."""

    @asynccontextmanager
    async def start(*names, **changes):
        gate = package(*names)
        quiet = {"module_runtime": "none", "series_quiet_s": 3600.0, "module_writes": (gate,)}
        async with serving(**quiet | changes) as service:
            yield Jobs(service, Ward(service, tmp_path / "sent", PATIENCE), gate)

    return start


@pytest.fixture
def node():
    found = Node()
    listener = DicomListener(
        ae_title="PEER", host="127.0.0.1", port=found.port, handler=found.store
    )
    listener.start()
    yield found
    listener.stop()
