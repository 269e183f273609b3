"""kill -9 amid fetching and importing: all of it is there in the end, once, by its rule."""

import io
import zipfile

import httpx
import pytest
from outside_killed import Outside
from sources import archive, study
from test_dicomweb_retrieve import encoded
from workflow_service import over_http, until

pytestmark = pytest.mark.timeout(240)
IMAGES = 40
RULES = (("all", "True", "discard"), ("mine", "False", "notification"))


@pytest.fixture
async def other(tmp_path, other_database):
    studies = [study(number, series=2, images=IMAGES) for number in (1, 2)]
    async with archive(tmp_path / "other", other_database, *studies) as node:
        yield node


@pytest.fixture
async def outside(tmp_path, clinic, keys, signer, headers_of, *, make_settings):
    found = Outside(tmp_path, clinic, keys, signer, headers_of)
    found.environment["SCANHUB_WORKFLOW_SERIES_CLOSED_QUIET_S"] = "0.2"
    found.post = lambda path, **body: post(found, path, **body)
    return found


async def post(outside, path, **options):
    async with httpx.AsyncClient(headers=outside._user, timeout=30) as client:
        answer = await client.post(f"{outside.url}{path}", **options)
        assert answer.is_success, answer.text
        return answer.json()


async def killed_when(outside, condition, exam_manager):
    await until(condition, 60)
    outside.kill()
    await outside.wait()
    await outside.start(exam_manager)


async def assert_all_there_by_the_forced_rule(outside, series):
    async def decided():
        cases = await outside.get("/cases?limit=500")
        return cases if len(cases) >= series else None

    cases = await until(decided, 60)
    assert {case["rule"] for case in cases} == {"mine"}
    rows = await outside.get("/series")
    assert [row["instances"] for row in rows] == [IMAGES] * series
    lake = outside.folder / "lake" / "dicom"
    assert not list(lake.rglob("*.part"))
    left = [path for path in lake.rglob("*.dcm") if path.parts[len(lake.parts)][0] in "ri"]
    assert left == []


@pytest.mark.long
async def test_a_killed_retrieval_goes_on(outside, other, clinic):
    async with over_http(clinic.app) as exam_manager:
        await outside.start(exam_manager)
        for name, rule, action in RULES:
            await outside.post("/rules", json={"name": name, "rule": rule, "action": action})
        target = {"name": "old", "ip": "127.0.0.1", "port": other.port, "aet_target": "ARCHIVE"}
        await outside.post("/targets", json={**target, "direction": "pull"})
        body = {"source": "old", "accession_numbers": ["A1", "A2"], "forced_rule": "mine"}
        id_ = (await outside.post("/retrievals", json=body))["id"]
        lake = outside.folder / "lake" / "dicom"
        await killed_when(outside, lambda: list(lake.rglob("*.dcm")), exam_manager)

        async def ended():
            found = await outside.get(f"/retrievals/{id_}")
            return found if found["state"] in {"done", "failed"} else None

        found = await until(ended, 60)
        assert (found["state"], found["instances"]) == ("done", 4 * IMAGES)
        await assert_all_there_by_the_forced_rule(outside, 4)
        outside.process.terminate()
        await outside.wait()


@pytest.mark.long
async def test_a_killed_import_goes_on(outside, clinic):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        for number, dataset in enumerate(study(1, series=3, images=IMAGES)):
            zipped.writestr(f"{number}", encoded(dataset))
    async with over_http(clinic.app) as exam_manager:
        await outside.start(exam_manager)
        for name, rule, action in RULES:
            await outside.post("/rules", json={"name": name, "rule": rule, "action": action})
        files = [("files", ("all.zip", packed.getvalue()))]
        path = "/imports?forced_rule=mine&dataset=kept"
        id_ = (await outside.post(path, files=files))["id"]
        lake = outside.folder / "lake" / "dicom"
        await killed_when(outside, lambda: list(lake.glob("1*/*/*.dcm")), exam_manager)

        async def ended():
            found = await outside.get(f"/imports/{id_}")
            return found if found["state"] in {"done", "failed"} else None

        found = await until(ended, 60)
        assert (found["state"], found["files"]) == ("done", 3 * IMAGES)
        # Files that were in when it was killed may be duplicates of themselves.
        assert found["stored"] + found["duplicates"] == 3 * IMAGES
        (dataset,) = await outside.get("/datasets")
        assert (dataset["files"], dataset["ready"]) == (3 * IMAGES, True)
        await until(lambda: not list(lake.glob("imports/*")))
        await assert_all_there_by_the_forced_rule(outside, 3)
        outside.process.terminate()
        await outside.wait()
