"""Results in a bucket: exam-manager and the worker have a folder each, and no other way between."""

import shutil
from functools import partial

import pytest
from bucket_service import bucket_services, new_bucket
from house import House, open_house
from raw_files import Scan, write
from workflow_service import WORKFLOW, until

from scanhub_libraries.errors import UnavailableError
from scanhub_libraries.ids import new_id
from scanhub_libraries.lake_bucket import BucketLake
from scanhub_libraries.models import UserRole


@pytest.fixture(scope="module")
def endpoint():
    with bucket_services() as address:
        yield address


@pytest.fixture
def service(endpoint):
    return new_bucket(endpoint, f"b-{new_id().hex}")


class Apart(House):
    """The scanner has a folder of its own too."""

    device: BucketLake

    async def keep(self, directory, scan, content):
        assert content is None
        path = self.device.root / "scan.mrd"
        write(path, scan)
        await self.device.put(f"{directory}/data.mrd", path.read_bytes())


@pytest.fixture
def apart(monkeypatch, service, tmp_path):
    """The lake of the scanner's device-manager."""
    lake = BucketLake(tmp_path / "of-device", service.options)
    monkeypatch.setattr(Apart, "device", lake, raising=False)
    return Apart


@pytest.fixture
def elsewhere(exam_manager, service, tmp_path):
    """What builds exam-manager, with a folder of its own."""
    return partial(exam_manager, lake_root=tmp_path / "of-exam", lake_bucket=service.options)


@pytest.fixture
async def house(keys, headers_of, make_settings, elsewhere, apart):
    settings = make_settings(lake_bucket=apart.device.bucket.options)
    headers = headers_of(UserRole.MEDICAL)
    async with open_house(keys, headers, settings, elsewhere, kind=apart) as house:
        yield house


@pytest.mark.long
async def test_a_scan_becomes_images_that_exam_manager_reads(house, service, tmp_path):
    raw = await house.measure(Scan((16, 16, 3), (160, 160, 160)))
    done = await house.job_in("FINISHED", "ERROR")
    assert done["status"] == "FINISHED", done["status_reason"]
    (result,) = done["results"]
    stored = {key.removeprefix("hospital/") for key in service.stored()}
    of_job = {f"{result['directory']}/{name}" for name in result["files"]}
    assert stored == {f"lake/{house.workflow_id}/{house.scan}/{raw}/data.mrd", *of_job}
    assert not (house.lake / result["directory"]).exists(), "only copies are left"
    image = await house.client.get(result["meta"]["instances"][0], headers=house.headers)
    assert (image.status_code, image.content[128:132]) == (200, b"DICM")
    # Copies may go: a second reconstruction fetches the raw data again.
    shutil.rmtree(house.lake / "copies")
    shutil.rmtree(tmp_path / "of-exam" / "copies")
    again = await house.client.get(result["meta"]["instances"][0], headers=house.headers)
    assert again.content == image.content


@pytest.mark.long
async def test_a_run_waits_for_a_bucket_that_is_away(house, service, monkeypatch):
    monkeypatch.setattr("scanhub_libraries.bucket._RETRIES", 0)
    real, tries = BucketLake.path, []

    def away(self, key):
        tries.append(key)
        if len(tries) == 1:
            raise UnavailableError("The data lake does not answer: nobody is there.")
        return real(self, key)

    monkeypatch.setattr(BucketLake, "path", away)
    await house.measure(Scan((16, 16, 3), (160, 160, 160)))
    assert (await house.job_in("FINISHED", "ERROR"))["status"] == "FINISHED"
    assert len(tries) >= 2


@pytest.mark.long
async def test_a_run_that_is_stopped_leaves_nothing_in_the_bucket(house, service, slow_job):
    raw = await house.measure(Scan())
    await until(slow_job.pid)
    await house.call("POST", f"{WORKFLOW}/stop_task/{house.job}/")
    await house.job_in("CANCELED")
    assert [key.split("/")[-2] for key in service.stored()] == [str(raw)]
