"""The history of targets: who changed what, compared, and taken back; never a secret."""

import sqlalchemy as sa
from workflow_service import WORKFLOW, a_port

from scanhub_libraries.database import sqlite_url
from scanhub_libraries.migrate import upgrade

TARGETS = f"{WORKFLOW}/targets"


def xnat(**changes):
    settings = {"name": "X", "target_type": "xnat", "host": "https://xnat.example.org"}
    return {**settings, "project_id": "north", "user": "mri", **changes}


async def put(service, body, status=200, **options):
    answer = await service.user.put(f"{TARGETS}/X", json=body, **options)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_every_change_of_a_target_is_a_version_that_outlives_it(serving, database_url):
    async with serving(database_url=database_url) as service:
        made = await service.user.post(TARGETS, json=xnat(password="first-secret"))
        assert made.json()["version"] == 1
        await put(service, xnat(project_id="south", password="second-secret", comment="moved"))
        assert (await service.user.delete(f"{TARGETS}/X")).status_code == 204
        again = await service.user.post(TARGETS, json=xnat())
        assert again.json()["version"] == 4
        versions = await service.get("/targets/X/versions")
        told = [(v["version"], v["change"], v["author"]) for v in versions]
        assert told == [
            (4, "created", "user:tester"),
            (3, "deleted", "user:tester"),
            (2, "updated", "user:tester"),
            (1, "created", "user:tester"),
        ]
        page = await service.get("/targets/X/versions?limit=2&after=4")
        assert [v["version"] for v in page] == [3, 2]
        second = await service.get("/targets/X/versions/2")
        assert second["document"]["project_id"] == "south"
        assert second["document"]["secrets"] == ["password"]
        assert "secret" not in str(versions).replace("'secrets'", "")
        differing = await service.get("/targets/X/diff?before=1&after=2")
        assert {d["field"]: (d["before"], d["after"]) for d in differing} == {
            "project_id": ("north", "south"),
            "comment": ("", "moved"),
        }
        missing = await service.user.get(f"{TARGETS}/X/versions/9")
        assert missing.status_code == 404
        assert await service.get("/targets/nobody/versions") == []


async def test_older_settings_are_taken_up_again_and_secrets_stay(service):
    await service.user.post(TARGETS, json=xnat(password="first-secret"))
    await put(service, xnat(project_id="south", password="second-secret"))
    revert = f"{TARGETS}/X/versions/1/revert"
    stale = await service.user.post(revert, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    before = await sealed(service)
    back = await service.user.post(
        revert, json={"comment": "wrong project"}, headers={"If-Match": '"2"'}
    )
    assert back.status_code == 200, back.text
    assert (back.json()["project_id"], back.json()["version"]) == ("north", 3)
    assert back.headers["ETag"] == '"3"'
    assert await sealed(service) == before
    newest = (await service.get("/targets/X/versions"))[0]
    assert (newest["change"], newest["comment"]) == ("reverted", "wrong project")
    same = await service.user.post(f"{TARGETS}/X/versions/3/revert")
    assert same.json()["version"] == 3
    events = [e["type"] for e in await service.get("/journal?subject=X")]
    assert events == ["target.created", "target.updated", "target.updated"]


async def sealed(service):
    async with service.wiring.sessions() as session:
        row = (await session.execute(sa.text("SELECT sealed FROM target"))).one()
        return row[0]


async def test_a_target_goes_back_to_another_type_without_its_secrets(service):
    node = {"name": "X", "ip": "127.0.0.1", "port": a_port(), "aet_target": "PEER"}
    await service.user.post(TARGETS, json=node)
    await put(service, xnat(password="first-secret"))
    back = await service.user.post(f"{TARGETS}/X/versions/1/revert")
    assert (back.json()["target_type"], back.json()["secrets"]) == ("dicom", [])


def test_what_was_configured_before_there_was_a_history_has_a_version(tmp_path):
    url = sqlite_url(tmp_path / "old.sqlite")
    upgrade("workflow_manager", url, "0009")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'old.sqlite'}")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO target (name, target_type, enabled, document, sealed, version, created_at)"
            " VALUES (?, ?, 1, ?, ?, 3, '2026-01-01 00:00:00')",
            ("X", "xnat", '{"user": "mri"}', '{"password": "z"}'),
        )
    upgrade("workflow_manager", url)
    with engine.connect() as connection:
        (row,) = connection.execute(sa.text("SELECT version, change, document FROM target_version"))
    engine.dispose()
    assert (row.version, row.change) == (3, "updated")
    assert '"secrets": ["password"]' in row.document
    assert '"z"' not in row.document
