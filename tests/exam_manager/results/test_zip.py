import hashlib
import io
import json
import zipfile

import httpx
import pytest
from serving import serving

from scanhub_libraries.ids import new_id

EXAM = "/api/v1/exam"


async def test_a_zip_has_every_file_its_sums_and_where_it_is_from(platform, store):
    files = {"im 1.dcm": b"one" * 1_000_000, "im 2.dcm": b"", "SHA256SUMS": b"mine"}
    result, place = await store(files, "DICOM")
    answer = await platform.call("GET", f"{EXAM}/result/{result['id']}/zip", expect=200)
    assert answer.headers["Content-Type"] == "application/zip"
    assert f'filename="{result["id"]}.zip"' in answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names == ["manifest.json", *(f"files/{name}" for name in files), "SHA256SUMS"]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        content = {name: archive.read(name) for name in names}
    assert {f"files/{name}": data for name, data in files.items()}.items() <= content.items()
    sums = dict(line.split("  ")[::-1] for line in content["SHA256SUMS"].decode().splitlines())
    assert sums == {
        name: hashlib.sha256(data).hexdigest()
        for name, data in content.items()
        if name != "SHA256SUMS"
    }
    manifest = json.loads(content["manifest.json"])
    workflow, task, _ = place.split("/")
    workflow_of = (await platform.call("GET", f"{EXAM}/workflow/{workflow}", expect=200)).json()
    assert (manifest["workflow_id"], manifest["task_id"]) == (workflow, task)
    assert (manifest["result_id"], manifest["exam_id"]) == (result["id"], workflow_of["exam_id"])
    assert [item["size_bytes"] for item in manifest["files"]] == [3_000_000, 0, 4]
    assert "Lovelace" not in content["manifest.json"].decode()


async def test_a_result_that_cannot_be_zipped_is_refused_before_the_answer(platform, store):
    empty, _ = await store({}, "NOT_SET")
    result, place = await store({"a.npy": b"1", "b.npy": b"2"}, "NUMPY")
    await platform.lake.delete(f"lake/{place}/b.npy")
    for result_id, says in ((empty["id"], "no files"), (result["id"], "b.npy"), (new_id(), "no")):
        refused = await platform.call("GET", f"{EXAM}/result/{result_id}/zip", expect=404)
        assert says in refused.json()["detail"]
        assert str(platform.lake.root) not in refused.text
    await platform.call("GET", f"{EXAM}/result/x/zip", expect=400)


@pytest.mark.parametrize("change", ["gone", "longer", "shorter"])
async def test_a_file_that_changes_meanwhile_breaks_the_download(platform, store, change):
    files = {"first.npy": bytes(48 * 2**20), "second.npy": b"content"}
    result, place = await store(files, "NUMPY")
    second = platform.lake.path(f"lake/{place}/second.npy")
    got = 0
    async with serving(platform.app) as address, httpx.AsyncClient(trust_env=False) as client:
        url = f"{address}{EXAM}/result/{result['id']}/zip"
        with pytest.raises(httpx.RemoteProtocolError):
            async with client.stream("GET", url, headers=platform.medical) as answer:
                assert answer.status_code == 200
                async for block in answer.aiter_raw():
                    if not got:
                        second.unlink() if change == "gone" else second.write_bytes(
                            b"more content" if change == "longer" else b"less"
                        )
                    got += len(block)
    assert got >= 48 * 2**20
