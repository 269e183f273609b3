"""Processing modules as they are configured: versions, variables that nobody reads, limits."""

import sqlalchemy as sa
from workflow_service import WORKFLOW

from scanhub_libraries.database import reading
from workflow_manager.modules.models import Module, ModuleVersion

MODULES = f"{WORKFLOW}/modules"
MODULE = {
    "name": "segmentation",
    "docker_tag": "registry.example.org:5000/segmentation:2.1",
    "docker_arguments": {"mem_limit": "8g"},
    "settings": {"threshold": 3},
    "environment": {"LICENCE": "the-licence", "KEY": "the-key"},
}


async def ask(service, method, path="", **options):
    answer = await service.user.request(method, f"{MODULES}{path}", **options)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def stored(service):
    """Return the values of the variables, decrypted."""
    async with reading(service.wiring.sessions) as session:
        row = await session.get_one(Module, "segmentation")
    box = service.wiring.secret_box
    return {name: box.open(text).get_secret_value() for name, text in row.sealed.items()}


async def test_variables_are_kept_changed_and_removed_and_never_told(serving):
    async with serving() as service:
        made = await ask(service, "POST", json=MODULE)
        assert (made["environment"], made["version"]) == (["KEY", "LICENCE"], 1)
        without = {key: value for key, value in MODULE.items() if key != "environment"}
        await ask(service, "PUT", "/segmentation", json={**without, "comment": "new"})
        assert await stored(service) == MODULE["environment"]
        changed = {**MODULE, "environment": {"KEY": None, "MORE": "the-rest"}}
        told = await ask(service, "PUT", "/segmentation", json=changed)
        assert told["environment"] == ["KEY", "MORE"]
        assert await stored(service) == {"KEY": "the-key", "MORE": "the-rest"}
        unknown = {**MODULE, "environment": {"NEVER": None}}
        answer = await service.user.put(f"{MODULES}/segmentation", json=unknown)
        assert answer.status_code == 422
        assert "NEVER: there is no value that could stay" in answer.json()["detail"]
        async with reading(service.wiring.sessions) as session:
            row = await session.get_one(Module, "segmentation")
            versions = (await session.scalars(sa.select(ModuleVersion))).all()
        written = str([row.model_dump(), *(version.model_dump() for version in versions)])
        events = await service.get("/journal?subject=segmentation")
        for text in (written, str(events), str(await ask(service, "GET"))):
            assert not {word for word in ("the-key", "the-licence", "the-rest") if word in text}
    assert [event["type"] for event in events] == ["module.created", *["module.updated"] * 2]
    assert events[0]["actor"] == "user:tester"


async def test_a_module_has_versions_and_a_way_back_and_a_late_edit_is_refused(serving):
    async with serving() as service:
        await ask(service, "POST", json=MODULE)
        answer = await service.user.post(MODULES, json=MODULE)
        assert answer.status_code == 409
        newer = {**MODULE, "docker_tag": "segmentation:3"}
        url = f"{MODULES}/segmentation"
        answer = await service.user.put(url, json=newer, headers={"If-Match": '"1"'})
        assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
        for method in ("put", "delete"):
            options = {"json": newer} if method == "put" else {}
            late = await service.user.request(method, url, headers={"If-Match": '"1"'}, **options)
            assert late.status_code == 412
        (difference,) = await ask(service, "GET", "/segmentation/diff?before=1&after=2")
        assert difference["field"] == "docker_tag"
        back = await ask(service, "POST", "/segmentation/versions/1/revert", json={"comment": "no"})
        assert (back["docker_tag"], back["version"]) == (MODULE["docker_tag"], 3)
        assert await stored(service) == MODULE["environment"]
        await ask(service, "DELETE", "/segmentation")
        assert (await service.user.get(url)).status_code == 404
        assert await ask(service, "GET") == []
        assert (await ask(service, "POST", json=newer))["version"] == 5
        rows = await ask(service, "GET", "/segmentation/versions")
        assert [row["change"] for row in rows] == [
            *("created", "deleted", "reverted", "updated", "created")
        ]
        first = await ask(service, "GET", "/segmentation/versions/1")
    assert first["document"]["environment"] == ["KEY", "LICENCE"]
    assert (first["author"], rows[2]["comment"]) == ("user:tester", "no")


BEYOND = [
    ({"name": "../x"}, "name"),
    ({"docker_tag": "x; rm"}, "docker_tag"),
    ({"docker_arguments": {"privileged": True}}, "privileged"),
    ({"docker_arguments": {"volumes": {"/": {}}}}, "volumes"),
    ({"additional_volumes": {"../etc": {}}}, "../etc"),
    ({"additional_volumes": {"/data/../etc": {}}}, "/data/../etc"),
    ({"persistence_folder_name": "a/b"}, "persistence_folder_name"),
    ({"environment": {"A=B": "x"}}, "environment"),
]


async def test_what_leads_out_of_a_container_is_refused(serving):
    async with serving() as service:
        for change, word in BEYOND:
            answer = await service.user.post(MODULES, json={**MODULE, **change})
            assert answer.status_code == 422, change
            assert word in answer.text
            assert "the-key" not in answer.text
        assert await ask(service, "GET") == []
