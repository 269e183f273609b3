"""What people draw on images is kept with them, and never shown on another image."""

import asyncio

import httpx
import pytest
from images import STUDY, instance
from test_dicomweb_retrieve import encoded
from workflow_service import WORKFLOW

from scanhub_libraries.database import transaction
from scanhub_libraries.errors import UnprocessableError
from workflow_manager.annotations.rules import check_on_image
from workflow_manager.annotations.service import forget_series
from workflow_manager.dicom.entries import Origin
from workflow_manager.dicom.models import DicomInstance

SCANNER = Origin("SCANNER", sender_address="10.0.0.9")
SERIES = "1.1"
IMAGE = "1.1.1"
LENGTH = {"sop_instance_uid": IMAGE, "kind": "length", "points": [[2.5, 3], [10.5, 3]]}


async def store(service, *numbers):
    for number in numbers:
        image = encoded(instance(number, series=SERIES))
        await service.wiring.store.store_instance(image, SCANNER)


@pytest.fixture
async def drawing(serving, migrated_url):
    """A service on SQLite and on PostgreSQL, with two images of 16 x 16 pixels."""
    async with serving(database_url=migrated_url) as service:
        await store(service, 1, 2)
        yield service


@pytest.fixture
async def images(service):
    """A service with two images of 16 x 16 pixels."""
    await store(service, 1, 2)
    return service


async def call(service, method, path, expected=200, **options) -> httpx.Response:
    answer = await service.user.request(method, f"{WORKFLOW}{path}", **options)
    assert answer.status_code == expected, answer.text
    return answer


async def drawn(service, **changes):
    return (await call(service, "POST", "/annotations", 201, json=LENGTH | changes)).json()


def at(version):
    return {"If-Match": f'"{version}"'}


async def test_what_is_drawn_is_there_again_with_who_and_when(drawing):
    answer = await call(drawing, "POST", "/annotations", 201, json=LENGTH | {"text": " ventricle "})
    made = answer.json()
    assert answer.headers["ETag"] == '"1"'
    assert (made["study_instance_uid"], made["series_instance_uid"]) == (STUDY, SERIES)
    assert (made["points"], made["text"], made["frame"]) == ([[2.5, 3], [10.5, 3]], "ventricle", 1)
    assert made["created_by"].startswith("user:")
    assert made["current"]
    assert await drawing.get(f"/series/{SERIES}/annotations") == [made]
    path = f"/annotations/{made['id']}"
    assert await drawing.get(path) == made
    moved = {"points": [[2.5, 4], [12.5, 4]], "text": ""}
    changed = (await call(drawing, "PUT", path, headers=at(1), json=moved)).json()
    assert (changed["points"], changed["text"], changed["version"]) == (moved["points"], "", 2)
    assert changed["updated_by"] == made["created_by"]
    await call(drawing, "DELETE", path, 204, headers=at(2))
    assert await drawing.get(f"/series/{SERIES}/annotations") == []
    (gone,) = await drawing.get(f"/series/{SERIES}/annotations?deleted=true")
    assert (gone["deleted_by"], gone["points"]) == (made["created_by"], moved["points"])
    back = (await call(drawing, "POST", f"{path}/restore")).json()
    assert (back["deleted_by"], back["version"]) == (None, 4)
    events = await drawing.get(f"/journal?subject={made['id']}")
    verbs = [event["type"].removeprefix("annotation.") for event in events]
    assert verbs == ["created", "updated", "deleted", "restored"]
    assert {event["actor"] for event in events} == {made["created_by"]}
    assert events[1]["data"]["points"] == moved["points"]
    assert "ventricle" not in str(events)  # words may name people


async def test_of_two_people_the_second_learns_of_the_first(images):
    made = await drawn(images)
    path, points = f"/annotations/{made['id']}", [[1, 1], [2, 2]]
    answers = await asyncio.gather(
        *(
            images.user.put(f"{WORKFLOW}{path}", headers=at(1), json={"points": points})
            for _ in range(4)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    await call(images, "DELETE", path, 412, headers=at(1))
    await call(images, "DELETE", path, 204, headers=at(2))
    await call(images, "DELETE", path, 204, headers=at(2))  # again: nothing changes
    refused = (await call(images, "PUT", path, 409, json={"points": points})).json()
    assert refused["detail"].endswith("deleted it: bring it back first.")


async def test_another_image_under_the_same_uid_has_nothing_drawn_on_it(images):
    """The image was removed, and its sender made another one of the same UID."""
    made = await drawn(images)
    other = await drawn(images, sop_instance_uid="1.1.2")
    async with transaction(images.wiring.sessions) as session:
        (await session.get(DicomInstance, IMAGE)).sha256 = "another file"
        await session.delete(await session.get(DicomInstance, "1.1.2"))
    listed = await images.get(f"/series/{SERIES}/annotations")
    assert [(one["id"], one["current"]) for one in listed] == [
        (made["id"], False),
        (other["id"], False),
    ]
    change = {"points": [[1, 1], [2, 2]]}
    refused = (await call(images, "PUT", f"/annotations/{made['id']}", 409, json=change)).json()
    assert "is here no more" in refused["detail"]


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"sop_instance_uid": "9.9"}, 404, None),
        ({"frame": 2}, 422, "frame"),
        ({"points": [[40, 3], [2, 3]]}, 422, "points"),
        ({"points": [[4, 3]]}, 422, "/body/points"),
        ({"kind": "angle"}, 422, "/body/points"),
        ({"kind": "arrow"}, 422, "/body/text"),
        ({"kind": "arrow", "text": "  "}, 422, "/body/text"),
        ({"kind": "circle"}, 422, "/body/kind"),
        ({"points": [[1e7, 3], [2, 3]]}, 422, "/body/points/0/0"),
    ],
)
async def test_what_does_not_fit_the_image_is_refused_by_name(images, changes, status, field):
    problem = (await call(images, "POST", "/annotations", status, json=LENGTH | changes)).json()
    named = problem.get("field") or (problem.get("errors") or [{}])[0].get("pointer")
    assert named == field
    assert await images.get(f"/series/{SERIES}/annotations?deleted=true") == []


async def test_a_change_keeps_the_kind(images):
    made = await drawn(images, kind="arrow", text="lesion")
    path = f"/annotations/{made['id']}"
    for change, field in (
        ({"points": [[1, 1], [2, 2], [3, 3]], "text": "x"}, "points"),
        ({"points": [[1, 1], [2, 2]]}, "text"),
        ({"points": [[1, 1], [99, 2]], "text": "x"}, "points"),
    ):
        problem = (await call(images, "PUT", path, 422, json=change)).json()
        assert problem["field"] == field
    assert await images.get(path) == made


async def test_the_list_comes_in_pages(images):
    ids = [(await drawn(images))["id"] for _ in range(5)]
    pages, after = [], ""
    while page := await images.get(f"/series/{SERIES}/annotations?limit=2{after}"):
        pages.append([one["id"] for one in page])
        after = f"&after={page[-1]['id']}"
    assert pages == [ids[:2], ids[2:4], ids[4:]]


async def test_who_removes_images_removes_what_was_drawn_on_them(images):
    await drawn(images)
    async with transaction(images.wiring.sessions) as session:
        assert await forget_series(session, "another study", SERIES) == 0
        assert await forget_series(session, STUDY, SERIES) == 1
    assert await images.get(f"/series/{SERIES}/annotations?deleted=true") == []


@pytest.mark.parametrize(("rows", "columns"), [(None, 16), (16, None), (0, 0)])
def test_nothing_is_drawn_on_what_is_no_image(rows, columns):
    with pytest.raises(UnprocessableError):
        check_on_image(frame=1, frames=1, points=[], rows=rows, columns=columns)


def test_a_region_may_reach_over_the_edge_but_not_far():
    check_on_image(frame=1, frames=1, points=[(-8, 31), (32, 0)], rows=16, columns=16)
    for point in ((-17, 0), (33, 0), (0, -17), (0, 33)):
        with pytest.raises(UnprocessableError, match="far from an image of 16 x 16 pixels"):
            check_on_image(frame=1, frames=1, points=[point], rows=16, columns=16)
