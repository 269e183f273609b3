"""What a running job does over HTTP: here the test does it, with the job's own token."""

import asyncio
import resource
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa
from images import SERIES
from pydantic import TypeAdapter
from workflow_service import WORKFLOW, until

from scanhub_jobs.errors import (
    ArtifactNotFoundError,
    NotInJobError,
    PeerKeyError,
    PlatformError,
    UnknownJobError,
    ValueRefusedError,
)
from scanhub_jobs.platform.backend import PlatformBackend
from scanhub_jobs.platform.calls import Platform
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import reading, transaction
from workflow_manager.cases.models import Case
from workflow_manager.job_sessions.models import SessionFile, SessionValue
from workflow_manager.processing.desk import drop_old_files
from workflow_manager.processing.models import ProcessingRun

pytestmark = pytest.mark.timeout(240)
VARIABLES = TypeAdapter(dict[str, str])


@asynccontextmanager
async def at_work(working, **module):
    """Run a job that waits; give the service and the job's backend."""
    async with working("waits") as jobs:
        told = []

        async def begin(**more):
            await jobs.module("waits", **module, **more)
            await jobs.rule("waits")
            await jobs.series(SERIES, 1)
            await until((jobs.gate / "environment.json").exists, 120)
            found = VARIABLES.validate_json((jobs.gate / "environment.json").read_bytes())
            platform = Platform(found["SCANHUB_JOB_URL"], found["SCANHUB_JOB_TOKEN"])
            backend = await asyncio.to_thread(PlatformBackend, platform)
            told.append(backend)
            return backend

        yield jobs, begin
        (jobs.gate / "go").touch()
        await jobs.run("succeeded", "failed")
        for backend in told:
            with pytest.raises(NotInJobError, match="ended"):
                await asyncio.to_thread(backend.platform.json, "GET", "run")
            backend.close()


async def rows(jobs, table):
    async with reading(jobs.service.wiring.sessions) as session:
        return (await session.scalars(sa.select(table))).all()


@pytest.mark.long
async def test_values_of_many_threads_are_one(working):
    async with at_work(working) as (jobs, begin):
        job = await begin()
        with ThreadPoolExecutor(8) as threads:
            await asyncio.to_thread(
                lambda: list(threads.map(lambda n: job.data.write("n", str(n)), range(50)))
            )
        (row,) = await rows(jobs, SessionValue)
        assert row.name == "n"
        assert int(row.text) in range(50)
        with pytest.raises(ValueRefusedError, match="has 1048578 bytes"):
            await asyncio.to_thread(job.data.write, "large", f'"{"x" * 2**20}"')
        other = job.run.producer.model_copy(update={"job": "other"})
        with pytest.raises(UnknownJobError, match="put it into its needs"):
            await asyncio.to_thread(job.data.names, other)
        with pytest.raises(UnknownJobError):
            await asyncio.to_thread(job.files.stat, other, "x")


async def test_a_file_is_there_when_all_of_it_came_and_its_checksum_is_right(working):
    async with at_work(working) as (jobs, begin):
        job = await begin()
        upload = "0123456789abcdef" * 2
        sent = await asyncio.to_thread(
            job.platform.json, "PUT", f"uploads/{upload}", content=b"some bytes"
        )
        wanted = {"upload": upload, "sha256": "0" * 64, "content_type": "text/plain", "meta": {}}
        with pytest.raises(PlatformError, match="not those that were sent"):
            await asyncio.to_thread(
                job.platform.json, "PUT", "file", params={"name": "a"}, json=wanted
            )
        assert await rows(jobs, SessionFile) == []
        wanted["sha256"] = sent["sha256"]
        for _ in range(2):  # a call that is repeated makes the same file
            made = await asyncio.to_thread(
                job.platform.json, "PUT", "file", params={"name": "a"}, json=wanted
            )
            assert (made["name"], made["size"]) == ("a", 10)
        for wrong in ("../x", "a/b", ".hidden", ""):
            with pytest.raises(PlatformError):
                await asyncio.to_thread(
                    job.platform.json, "PUT", "file", params={"name": wrong}, json=wanted
                )
        with pytest.raises(PlatformError, match="cannot be kept"):
            await asyncio.to_thread(job.platform.json, "PUT", "images/1.2.3", content=b"none")
        await asyncio.to_thread(job.files.remove, "a")
        with pytest.raises(ArtifactNotFoundError):
            await asyncio.to_thread(job.files.stat, job.run.producer, "a")
        folder = jobs.service.wiring.lake.root / "job_sessions"
        assert [path for path in folder.rglob("*") if path.is_file()] == []


@pytest.mark.long
async def test_a_key_stays_with_the_platform(working):
    async with at_work(working) as (jobs, begin):
        node = {"ip": "pacs.example.org", "port": 104, "aet_target": "PACS"}
        tls = {**node, "target_type": "dicomtls", "ca_cert": "CA-PEM", "verify_host": True}
        keyed = {**tls, "name": "keyed", "tls_cert": "CERTIFICATE", "tls_key": "THE-KEY"}
        for body in ({**tls, "name": "plain"}, keyed):
            await jobs.ward.post("/targets", body)
        job = await begin(peers=["plain", "keyed"])
        peer = await asyncio.to_thread(job.peers.get, "plain")
        assert (peer.host, peer.tls.verify_host) == ("pacs.example.org", True)
        assert peer.tls.ca.read_text() == "CA-PEM"
        with pytest.raises(PeerKeyError, match="keep the images"):
            await asyncio.to_thread(job.peers.get, "keyed")
        told = [
            (await asyncio.to_thread(job.platform.call, "GET", f"peers/{name}")).text
            for name in ("plain", "keyed")
        ]
        assert not [text for text in told if "THE-KEY" in text or "CERTIFICATE" in text]


@pytest.mark.long
async def test_what_jobs_left_goes_when_the_case_has_ended_well(working):
    async with working("makes") as jobs:
        run = await jobs.one("makes")
        wiring = jobs.service.wiring
        folder = wiring.lake.root / "job_sessions" / run["id"].replace("-", "")

        async def grown_old(state):
            """Look at what is left when the case has ended so, a month ago."""
            before = utc_now() - timedelta(days=30)
            async with transaction(wiring.sessions) as session:
                await session.execute(sa.update(Case).values(state=state, ended_at=before))
                await session.execute(sa.update(ProcessingRun).values(ended_at=before))
            await drop_old_files(wiring)
            return len(await rows(jobs, SessionValue)), folder.exists()

        assert await grown_old("failed") == (1, True)
        assert await grown_old("done") == (0, False)
        assert await jobs.service.get(f"/processing/{run['id']}/session-files") == []


@pytest.mark.parametrize(
    ("size", "most_mib"), [(2**26, 48), pytest.param(2**31, 200, marks=pytest.mark.long)]
)
async def test_a_large_file_goes_up_and_down_in_pieces(working, size, most_mib):
    async with working("large") as jobs:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        run = await jobs.one("large", size=size)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        result = run["outputs"][0]["result"]
        assert (result["size"], result["same"]) == (size, True)
        assert result["grown_kib"] < most_mib * 1024
        assert grown < 2 * most_mib * 1024
        (file,) = await jobs.service.get(f"/processing/{run['id']}/session-files")
        head = {"Range": "bytes=0-9"}
        path = f"{WORKFLOW}/processing/{run['id']}/session-files/{file['key']}/file"
        assert (await jobs.service.user.get(path, headers=head)).content == bytes(10)
