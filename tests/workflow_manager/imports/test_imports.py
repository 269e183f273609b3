"""Images that come as files: every file is told of, and what is no image harms nothing."""

import asyncio
import io
import struct
import zipfile

import pytest
from images import SERIES, STUDY, instance
from test_dicomweb_retrieve import encoded
from workflow_service import WORKFLOW, until

from workflow_manager.imports import unpacking
from workflow_manager.room import Room

URL = f"{WORKFLOW}/imports"
RULES = f"{WORKFLOW}/rules"


def image(number=1, **changes):
    return encoded(instance(number, **changes))


def zipped(**files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


async def upload(service, *files, **query):
    parts = [("files", (name, data, "application/octet-stream")) for name, data in files]
    answer = await service.user.post(URL, files=parts, params=query)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


async def ended(service, id_):
    async def reached():
        found = await service.get(f"/imports/{id_}")
        return found if found["state"] in {"done", "failed", "canceled"} else None

    return await until(reached)


async def files_of(service, id_):
    return (await service.get(f"/imports/{id_}/files"))["items"]


async def test_files_and_archives_are_imported_and_the_rest_is_told_by_name(serving):
    archive = zipped(
        **{
            "deep/er/../../../../etc/2.dcm": image(2),
            "deep/readme.txt": b"no image",
            "again.zip": zipped(inner=image(9)),
        }
    )
    files = ("1.dcm", image(1)), ("all.zip", archive), ("1 again.dcm", image(1)), ("x", b"")
    async with serving(series_closed_quiet_s=0.1) as service:
        id_ = await upload(service, *files)
        found = await ended(service, id_)
        assert (found["state"], found["files"]) == ("done", 6)
        assert (found["stored"], found["duplicates"], found["refused"]) == (2, 1, 3)
        told = [(f["name"], f["outcome"], f["detail"]) for f in await files_of(service, id_)]
        none = "It is no DICOM file (PS3.10)."
        assert told == [
            ("1.dcm", "stored", ""),
            ("all.zip/deep/er/../../../../etc/2.dcm", "stored", ""),
            ("all.zip/deep/readme.txt", "refused", none),
            ("all.zip/again.zip", "refused", "It is an archive in an archive: unpack it first."),
            ("1 again.dcm", "duplicate", ""),
            ("x", "refused", none),
        ]
        (series,) = await service.get("/series")
        assert series["instances"] == 2

        async def complete():
            return (await service.get("/series"))[0]["complete"]

        await until(complete)
        lake = service.wiring.lake.root
        stored = lake / f"dicom/{STUDY}/{SERIES}/{SERIES}.1.dcm"
        assert stored.read_bytes() == image(1)
        await until(lambda: not list((lake / "dicom/imports").iterdir()))
        types = [event["type"] for event in await service.get(f"/journal?subject={id_}")]
        assert types == ["import.started", "import.finished"]
        metrics = (await service.user.get(f"{WORKFLOW}/metrics")).text
        assert 'scanhub_dicom_outcomes_total{outcome="stored"} 2.0' in metrics
        assert 'scanhub_dicom_received_images_total{ae_title="none"} 3.0' in metrics


async def test_one_archive_is_a_body_by_itself(service):
    body, kind = zipped(a=image(1)), {"Content-Type": "application/zip"}
    answer = await service.user.post(
        URL, content=body, headers=kind, params={"filename": "scan.zip"}
    )
    assert answer.status_code == 202, answer.text
    assert (await ended(service, answer.json()["id"]))["stored"] == 1
    assert (await files_of(service, answer.json()["id"]))[0]["name"] == "scan.zip/a"


@pytest.mark.parametrize("name", ["Schädel.dcm", "頭部.dcm", "tête 🧠.dcm"])
async def test_a_file_keeps_its_name_in_any_script(service, name):
    form = f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = form.encode() + image(1) + b"\r\n--b--\r\n"  # as browsers send it
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await service.user.post(URL, content=body, headers=kind)
    assert answer.status_code == 202, answer.text
    await ended(service, answer.json()["id"])
    assert (await files_of(service, answer.json()["id"]))[0]["name"] == name


async def test_what_holds_no_image_has_failed_and_says_why(service):
    id_ = await upload(service, ("a.txt", b"hello"))
    found = await ended(service, id_)
    assert (found["state"], found["refused"]) == ("failed", 1)
    assert "no image" in found["reason"]


async def test_a_bomb_ends_where_it_grows_too_large(serving):
    bomb = zipped(**{f"{n}.dcm": bytes(128) + b"DICM" + bytes(2**20) for n in range(4)})
    assert len(bomb) < 20_000
    async with serving(import_max_bytes=2 * 2**20) as service:
        found = await ended(service, await upload(service, ("bomb.zip", bomb)))
        assert found["state"] == "failed"
        assert found["reason"] == "An import has at most 2097152 bytes."


async def test_an_archive_with_an_endless_list_of_files_is_refused(service):
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, 2**31, 22, 0)
    found = await ended(service, await upload(service, ("long.zip", b"PK\x03\x04" + end)))
    assert found["state"] == "failed"
    (file,) = await files_of(service, found["id"])
    assert file["detail"] == "The zip archive has more than 100000 files."


async def test_a_damaged_archive_costs_only_what_is_damaged(service):
    data = bytearray(zipped(a=image(1), b=image(2)))
    at = data.index(b"PK\x03\x04", 4) + 40  # in the second file
    data[at : at + 8] = b"\xff" * 8
    found = await ended(service, await upload(service, ("torn.zip", bytes(data))))
    assert (found["state"], found["stored"], found["refused"]) == ("done", 1, 1)
    assert "damaged" in (await files_of(service, found["id"]))[1]["detail"]


async def add_rule(service, name, **changes):
    body = {"name": name, "rule": "False", "action": "discard", **changes}
    answer = await service.user.post(RULES, json=body)
    assert answer.status_code == 201, answer.text


async def cases_of(service, count):
    async def there():
        cases = await service.get("/cases")
        return cases if len(cases) >= count else None

    return await until(there)


@pytest.mark.long
async def test_a_forced_rule_decides_alone_also_of_what_is_here_already(serving, database_url):
    async with serving(series_closed_quiet_s=0.1, database_url=database_url) as service:
        await add_rule(service, "everything", rule="True")
        await add_rule(service, "research", action="notification")
        await ended(service, await upload(service, ("1", image(1))))
        (case,) = await cases_of(service, 1)
        assert (case["rule"], case["state"]) == ("everything", "discarded")
        id_ = await upload(service, ("1", image(1)), forced_rule="research")
        found = await ended(service, id_)
        assert (found["stored"], found["duplicates"]) == (0, 1)
        cases = await cases_of(service, 2)
        assert {case["rule"] for case in cases} == {"everything", "research"}
        refused = await service.user.post(
            URL, files=[("files", ("1", image(1)))], params={"forced_rule": "none such"}
        )
        assert refused.status_code == 422
        assert "forced_rule" in refused.text


async def test_a_data_set_is_kept_played_back_and_deleted(serving):
    async with serving(series_closed_quiet_s=0.1) as service:
        await add_rule(service, "research", action="notification")
        found = await ended(service, await upload(service, ("1", image(1)), dataset="phantom"))
        taken = await service.user.post(
            URL, files=[("files", ("1", image(1)))], params={"dataset": "phantom"}
        )
        assert taken.status_code == 409
        (dataset,) = await service.get("/datasets")
        assert (dataset["name"], dataset["files"], dataset["ready"]) == ("phantom", 1, True)
        assert dataset["id"] == found["dataset_id"]
        await cases_of(service, 1)
        for played in (1, 2):
            answer = await service.user.post(
                f"{WORKFLOW}/datasets/{dataset['id']}/replay", json={"forced_rule": "research"}
            )
            assert answer.status_code == 202, answer.text
            again = await ended(service, answer.json()["id"])
            assert (again["kind"], again["duplicates"]) == ("dataset", 1)
            cases = await cases_of(service, 1 + played)
            assert sum(case["rule"] == "research" for case in cases) == played
        place = f"{WORKFLOW}/datasets/{dataset['id']}"
        assert (await service.user.delete(place)).status_code == 204
        assert (await service.user.get(place)).status_code == 404
        assert await service.get("/datasets") == []
        assert (await service.get("/series"))[0]["instances"] == 1


async def test_a_folder_is_imported_by_the_names_from_its_root(serving, tmp_path):
    root = tmp_path / "media"
    (root / "cd" / "deep").mkdir(parents=True)
    (root / "cd" / "1.dcm").write_bytes(image(1))
    (root / "cd" / "deep" / "2.dcm").write_bytes(image(2))
    (root / "cd" / "link").symlink_to(tmp_path)
    async with serving(import_root=root) as service:
        listed = await service.get("/imports/folders?folder=cd")
        assert (listed["folders"], listed["files"]) == (["deep"], 1)
        for names in (["..", "lake"], ["cd", "link"], ["cd/deep"], ["none"]):
            answer = await service.user.post(f"{URL}/folder", json={"folder": names})
            assert answer.status_code == 404, names
        answer = await service.user.post(f"{URL}/folder", json={"folder": ["cd"]})
        assert answer.status_code == 202, answer.text
        found = await ended(service, answer.json()["id"])
        assert (found["state"], found["stored"]) == ("done", 2)
        names = [file["name"] for file in await files_of(service, found["id"])]
        assert names == ["1.dcm", "deep/2.dcm"]
        assert (root / "cd" / "1.dcm").read_bytes() == image(1)


async def test_a_folder_leaves_the_last_of_the_disk_and_goes_on_when_there_is_room(
    serving, tmp_path, monkeypatch
):
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "1.dcm").write_bytes(image(1))
    async with serving(import_root=tmp_path / "media") as service:
        least = service.wiring.settings.dicom_min_free_bytes
        free = [least - 1]
        monkeypatch.setattr(unpacking, "look", lambda _: Room(least, free[0]))
        answer = await service.user.post(f"{URL}/folder", json={"folder": []})
        found = await ended(service, answer.json()["id"])
        assert (found["state"], found["stored"]) == ("failed", 0)
        assert "too little room is left" in found["reason"]
        free[0] += 1
        assert (await service.user.post(f"{URL}/{found['id']}/retry")).status_code == 200
        assert (await ended(service, found["id"]))["stored"] == 1


async def test_without_a_root_no_folder_can_be_imported(service):
    answer = await service.user.post(f"{URL}/folder", json={"folder": []})
    assert answer.status_code == 503


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"--x--", 400),
        ("multipart/form-data; boundary=x", b"--x--\r\n", 400),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nhal", 400),
    ],
)
async def test_a_body_that_cannot_be_read_leaves_nothing(service, kind, body, status):
    answer = await service.user.post(URL, content=body, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    assert not list((service.wiring.lake.root / "dicom").glob("imports/*"))
    await asyncio.sleep(0)
    assert {row["state"] for row in await service.get("/imports")} <= {"failed"}


async def test_a_data_set_that_is_played_back_is_sent_again(serving, tmp_path):
    folder = tmp_path / "delivered"
    folder.mkdir()
    target = {"name": "out", "target_type": "folder", "folder": str(folder)}
    async with serving(series_closed_quiet_s=0.1) as service:
        answer = await service.user.post(f"{WORKFLOW}/targets", json=target)
        assert answer.status_code == 201, answer.text
        await add_rule(service, "send", rule="True", action="route", target=["out"])
        await ended(service, await upload(service, ("1", image(1)), dataset="phantom"))
        (delivered,) = await until(lambda: list(folder.glob("*/*.dcm")))
        delivered.unlink()
        (dataset,) = await service.get("/datasets")
        answer = await service.user.post(f"{WORKFLOW}/datasets/{dataset['id']}/replay", json={})
        assert (await ended(service, answer.json()["id"]))["duplicates"] == 1
        await until(delivered.exists)

        async def done():
            cases = await service.get("/cases")
            return [case["state"] for case in cases] == ["done", "done"]

        await until(done)
