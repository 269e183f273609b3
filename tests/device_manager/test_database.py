"""The schema: migrations and models agree, on both databases; a device holds one open scan."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from nursery import start_program

import device_manager.acquisitions.models
import device_manager.calibrations.models
import device_manager.devices.models
import device_manager.nodes.models
import device_manager.parameters.models
import device_manager.uploads.models  # noqa: F401
from device_manager.acquisitions import service
from device_manager.acquisitions.models import Acquisition
from device_manager.acquisitions.rules import AcquisitionState
from device_manager.database import Table
from scanhub_libraries.database import create_engine, create_sessions, reading, transaction
from scanhub_libraries.errors import ConflictError
from scanhub_libraries.ids import new_id
from scanhub_libraries.migrate import upgrade


async def test_the_migrations_make_what_the_models_say(database_url):
    await asyncio.to_thread(upgrade, "device_manager", database_url)
    engine = create_engine(database_url)
    try:
        async with engine.connect() as connection:

            def compare(sync) -> list:
                context = MigrationContext.configure(
                    sync,
                    opts={"compare_type": True, "version_table": "alembic_version_device_manager"},
                )
                return compare_metadata(context, Table.metadata)

            assert await connection.run_sync(compare) == []
    finally:
        await engine.dispose()


@pytest.mark.long
async def test_processes_that_start_at_once_migrate_once(make_postgresql_url, tmp_path):
    url, program = make_postgresql_url(), tmp_path / "program.py"
    program.write_text(
        f"from scanhub_libraries.migrate import upgrade; upgrade('device_manager', {url!r})"
    )
    starts = [await start_program(program) for _ in range(3)]
    assert [await start.wait() for start in starts] == [0, 0, 0]


def make_row(device_id):
    return Acquisition(
        task_id=new_id(), workflow_id=new_id(), device_id=device_id, requested_by="user:tester"
    )


async def test_a_device_has_one_open_acquisition(database_url):
    await asyncio.to_thread(upgrade, "device_manager", database_url)
    engine = create_engine(database_url)
    sessions = create_sessions(engine)
    device_id = new_id()

    async def request() -> bool:
        try:
            async with service.taking(sessions) as session:
                service.request_acquisition(session, make_row(device_id))
        except ConflictError:
            return False
        return True

    try:
        assert sorted(await asyncio.gather(*(request() for _ in range(10)))) == [False] * 9 + [True]
        async with reading(sessions) as session:
            rows = await service.list_acquisitions(
                session, device_id=device_id, task_id=None, limit=50
            )
        async with transaction(sessions) as session:
            state = await service.change_state(
                session, rows[0].id, AcquisitionState.FAILED, reason="x"
            )
            assert state is AcquisitionState.FAILED
            again = await service.change_state(session, rows[0].id, AcquisitionState.RUNNING)
            assert again is AcquisitionState.FAILED
        assert await request()
    finally:
        await engine.dispose()


@pytest.mark.parametrize("rounds", [5])
async def test_concurrent_ends_have_one_winner(database_url, rounds):
    await asyncio.to_thread(upgrade, "device_manager", database_url)
    engine = create_engine(database_url)
    sessions = create_sessions(engine)
    ends = [AcquisitionState.FINISHED, AcquisitionState.STOPPED, AcquisitionState.FAILED]

    async def end(acquisition_id, to) -> bool:
        async with transaction(sessions) as session:
            return await service.change_state(session, acquisition_id, to) is to

    try:
        for _ in range(rounds):
            row = make_row(new_id())
            async with service.taking(sessions) as session:
                service.request_acquisition(session, row)
            won = await asyncio.gather(*(end(row.id, to) for to in ends))
            assert sum(won) == 1
    finally:
        await engine.dispose()


async def test_a_whole_scan_on_postgresql(make_lab, make_postgresql_url):
    async with make_lab(database_url=make_postgresql_url()) as lab, lab.scanner() as scanner:
        start = await lab.started(scanner)
        assert (await scanner.upload(start, "data.mrd", b"x" * 1000))["ok"]
        assert (await lab.task(start["id"]))["status"] == "FINISHED"
        start = await lab.started(scanner)
        asking = asyncio.create_task(lab.stop(scanner.device_id))
        await scanner.hear("stop")
        await scanner.say(command="stopped", task_id=start["id"])
        assert (await asking).json()["confirmed"]
