"""What a module keeps from run to run: edited by people, one user at a time, in every process."""

import os

import pytest
from effort import POSTGRESQL_IN_CI
from images import SERIES
from workflow_service import WORKFLOW, until

from workflow_manager.modules.persistence import MOST_BYTES, read, write

pytestmark = pytest.mark.timeout(240)
COUNT = """
place = pathlib.Path(os.environ["MODULE_PERSISTENCE_DIR"], "persistence.json")
kept = json.loads(place.read_text()) if place.exists() else {"next": 1}
while not pathlib.Path(settings["go"]).exists():
    pathlib.Path(settings["go"] + ".began").touch()
    time.sleep(0.02)
(target / "result.json").write_text(json.dumps(kept["next"]))
place.write_text(json.dumps({"next": kept["next"] + 1}))
"""


async def ask(works, method, name="count", **options):
    path = f"{WORKFLOW}/modules/{name}/persistence"
    return await works.service.user.request(method, path, **options)


async def put(works, document, tag=None):
    headers = {"If-Match": tag} if tag else {}
    return await ask(works, "PUT", json={"document": document}, headers=headers)


@POSTGRESQL_IN_CI
async def test_it_is_edited_but_not_while_a_module_runs_nor_when_it_has_changed(
    working, tmp_path, migrated_url
):
    go = tmp_path / "go"
    async with working(database_url=migrated_url, module_slots=2) as works:
        await works.module("count", COUNT, requires_persistence=True, settings={"go": str(go)})
        await works.rule("count")
        nothing = await ask(works, "GET")
        assert nothing.json() == {"document": None, "size": None, "problem": "", "in_use": False}
        written = await put(works, {"next": 40}, nothing.headers["ETag"])
        assert (written.status_code, written.json()["document"]) == (200, {"next": 40})
        assert (await put(works, {"next": 1}, nothing.headers["ETag"])).status_code == 412
        (event, *_) = await works.service.get(
            "/journal?subject=count&type=module.updated&newest=true"
        )
        assert event["actor"] == "user:tester"
        assert event["data"]["persistence_bytes"] == written.json()["size"]

        await works.series(SERIES, 1)
        await until((tmp_path / "go.began").exists, 120)
        assert (await ask(works, "GET")).json()["in_use"] is True
        refused = await put(works, {"next": 1})
        assert refused.status_code == 409
        assert "The module 'count' runs and uses the folder 'count'" in refused.json()["detail"]
        await works.series(f"{SERIES}.7", 1)  # there is a slot, and not the folder

        async def waits():
            found = await works.service.get(f"/cases?series_instance_uid={SERIES}.7")
            return found[0]["reason"].endswith("another run of count uses it.")

        await until(waits, 120)
        go.touch()
        await works.ward.case("done", series_instance_uid=f"{SERIES}.7")
        runs = await works.service.get("/processing")
        assert sorted(run["outputs"][0]["result"] for run in runs) == [40, 41]
        now = await ask(works, "GET")
        assert (now.json()["document"], now.json()["in_use"]) == ({"next": 42}, False)
        assert now.headers["ETag"] != written.headers["ETag"]


async def test_one_that_waits_for_the_folder_can_be_stopped(working, tmp_path):
    go = tmp_path / "go"
    async with working(module_slots=2) as works:
        kept = {"requires_persistence": True, "persistence_folder_name": "shared"}
        await works.module("count", COUNT, settings={"go": str(go)}, **kept)
        await works.rule("count")
        await works.series(SERIES, 1)
        await until((tmp_path / "go.began").exists, 120)
        await works.series(f"{SERIES}.7", 1)

        async def waits():
            found = await works.service.get(f"/cases?series_instance_uid={SERIES}.7")
            return "waits for the folder shared" in found[0]["reason"] and found[0]

        case = await until(waits, 120)
        await works.ward.post(f"/cases/{case['id']}/processing/cancel")
        await works.ward.case("failed", series_instance_uid=f"{SERIES}.7")
        go.touch()
        await works.ward.case("done", series_instance_uid=SERIES)


async def test_what_cannot_be_kept_is_refused(working):
    async with working() as works:
        await works.module("count", requires_persistence=True)
        await works.module("plain")
        assert (await ask(works, "GET", "plain")).status_code == 404
        assert (await ask(works, "GET", "none")).status_code == 404
        assert (await put(works, {"a": "x" * MOST_BYTES})).status_code == 413
        assert (await put(works, [1])).status_code == 422
        odd = await ask(works, "PUT", content=b'{"document": {"a": NaN}}')
        assert odd.status_code == 422
        assert (await ask(works, "GET")).json()["size"] is None


def test_whatever_a_module_left_is_told_and_no_link_is_followed(tmp_path):
    place = tmp_path / "persistence.json"
    tags = set()
    for make, problem in (
        (lambda: place.symlink_to("/etc/hostname"), "cannot be read"),
        (lambda: os.mkfifo(place), "is no file"),
        (lambda: place.write_text("{'a': 1}"), "is no JSON"),
        (lambda: place.write_text("[" * 100_000), "is no JSON"),
        (lambda: place.write_bytes(b" " * (MOST_BYTES + 1)), "is larger than"),
    ):
        make()
        told, tag = read(tmp_path)
        assert problem in told.problem
        assert told.document is None
        tags.add(tag)
        place.unlink()
    assert len(tags) == 4
    place.symlink_to("/etc/hostname")
    write(tmp_path, b"{}")  # in place of the link
    assert (read(tmp_path)[0].document, place.is_symlink()) == ({}, False)
    assert [path.name for path in tmp_path.iterdir()] == ["persistence.json"]
