"""What earlier releases stored is there, and works, after the step to this one."""

import asyncio
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent))

import release_0001 as old

from scanhub_libraries.database import create_engine
from scanhub_libraries.migrate import upgrade

EXAM, PATIENT = "/api/v1/exam", "/api/v1/patient"


async def go_to(url: str, revision: str) -> None:
    await asyncio.to_thread(upgrade, "exam_manager", url, revision)


@pytest.fixture
async def old_url(database_url):
    """A database of the first release, with its data."""
    await go_to(database_url, "0001")
    engine = create_engine(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(old.fill)
    await engine.dispose()
    return database_url


async def test_every_table_of_the_first_release_is_filled(database_url):
    await go_to(database_url, "0001")
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        tables = await connection.run_sync(lambda sync: set(sa.inspect(sync).get_table_names()))
    await engine.dispose()
    assert {name for name in tables if not name.startswith("alembic")} == set(old.ROWS)


async def test_what_the_first_release_stored_is_served(start, old_url):
    async with start(old_url) as running:
        patient = (await running.call("GET", f"{PATIENT}/{old.PATIENT}", expect=200)).json()
        assert (patient["first_name"], patient["weight"]) == ("Jürgen", 62.5)
        found = (await running.call("GET", f"{PATIENT}/?search=JÜRGEN", expect=200)).json()
        assert [item["id"] for item in found] == [str(old.PATIENT)]
        exam = (await running.call("GET", f"{EXAM}/{old.EXAM}", expect=200)).json()
        assert (exam["version"], exam["study_instance_uid"]) == (3, "2.25.1")
        scan, job = exam["workflows"][0]["tasks"]
        assert scan["acquisition_limits"]["patient_weight"] == 62
        assert scan["acquisition_parameter"]["fov_offset"]["z"] == 12.5
        assert scan["results"][0]["files"] == ["data.mrd"]
        assert scan["started_at"] == "2026-03-02T09:30:00Z"
        assert job["input_task_ids"] == [str(old.SCAN)]
        assert (job["status"], job["status_reason"]) == ("ERROR", "no space left")
        users = (
            await running.call(
                "GET", "/api/v1/userlogin/getallusers", headers=running.admin, expect=200
            )
        ).json()
        assert {user["username"] for user in users} == {"ada", "Grace"}


async def test_templates_become_protocols_and_can_be_copied(start, old_url):
    async with start(old_url) as running:
        protocols = (await running.call("GET", f"{EXAM}/protocols", expect=200)).json()
        assert [item["protocol_id"] for item in protocols] == [str(old.TEMPLATE)]
        assert protocols[0]["newest"]["protocol_version"] == 1
        exam = await running.make(
            f"{EXAM}/?template_id={old.TEMPLATE}",
            {"patient_id": str(old.PATIENT), "name": "Again"},
        )
        assert exam["workflows"][0]["tasks"][0]["sequence_id"] == old.OTHER_SEQUENCE


async def test_each_sequence_is_a_lineage_of_its_own(start, old_url):
    async with start(old_url) as running:
        found = (await running.call("GET", f"{EXAM}/sequences/all", expect=200)).json()
        assert {item["_id"] for item in found} == {old.SEQUENCE, old.OTHER_SEQUENCE}
        assert all(item["facts"]["num_readouts"] == 128 for item in found)
        engine = create_engine(old_url)
        async with engine.connect() as connection:
            rows = (
                await connection.execute(
                    sa.text("SELECT id, lineage_id, lineage_version FROM sequence")
                )
            ).all()
        await engine.dispose()
        assert all((row[0], 1) == (row[1], row[2]) for row in rows)


async def test_a_record_of_the_first_release_can_be_edited_and_deleted(start, old_url):
    async with start(old_url) as running:
        path = f"{EXAM}/{old.EXAM}"
        exam = (await running.call("GET", path, expect=200)).json()
        body = {**exam, "name": "Renamed", "status": "UPDATED"}
        changed = (await running.call("PUT", path, json=body, expect=200)).json()
        assert (changed["name"], changed["version"]) == ("Renamed", 4)
        await running.call("DELETE", path, expect=204)
        await running.call("GET", f"{EXAM}/task/{old.SCAN}", expect=404)
