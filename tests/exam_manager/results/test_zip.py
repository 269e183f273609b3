import hashlib
import io
import json
import os
import shutil
import zipfile

import httpx
import pytest
from serving import closes, is_open, serving

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


@pytest.mark.long
@pytest.mark.parametrize("change", ["gone", "longer", "shorter"])
async def test_a_file_that_changes_meanwhile_breaks_the_download(platform, store, change):
    result, place = await store({"first.npy": b"", "second.npy": b"content"}, "NUMPY")
    os.truncate(platform.lake.path(f"lake/{place}/first.npy"), 48 * 2**20)  # a hole
    second = platform.lake.path(f"lake/{place}/second.npy")
    got = 0
    async with (
        serving(platform.app) as address,
        httpx.AsyncClient(trust_env=False, timeout=60) as client,
    ):
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


async def test_a_download_that_is_given_up_closes_its_files(platform, store):
    result, place = await store({"a.npy": bytes(64 * 2**20), "b.npy": b"x"}, "NUMPY")
    path = platform.lake.path(f"lake/{place}/a.npy")
    async with serving(platform.app) as address:
        url = f"{address}{EXAM}/result/{result['id']}/zip"
        async with (
            httpx.AsyncClient(trust_env=False, timeout=60) as client,
            client.stream("GET", url, headers=platform.medical) as answer,
        ):
            blocks = answer.aiter_raw()
            while not is_open(path):
                await anext(blocks)
        await closes(path)


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.long)])
async def test_a_result_of_very_many_files_is_one_zip(platform, store, count):
    task = await platform.scan()
    names = [f"{number:05d}.dcm" for number in range(count)]
    first, place = await store({"00000.dcm": b"0"}, "DICOM", task=task)
    folder = platform.lake.root / "lake" / place
    for name in names[1:]:
        (folder / name).write_bytes(name.encode())
    body = {"type": "DICOM", "directory": "", "files": names}
    url = f"{EXAM}/result/{first['id']}"
    await platform.call("PUT", url, json=body, headers=platform.service, expect=200)
    answer = await platform.call("GET", f"{url}/zip", expect=200)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.read(f"files/{names[-1]}") == names[-1].encode()
        assert len(archive.namelist()) == count + 2
        sums = archive.read("SHA256SUMS").decode().splitlines()
    assert len(sums) == count + 1


async def test_what_is_no_file_of_the_lake_is_not_zipped(platform, store, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    for make in ("link", "folder", "pipe", "linked folder"):
        result, place = await store({"a.npy": b"1", "b.npy": b"2"}, "NUMPY")
        path = platform.lake.path(f"lake/{place}/b.npy")
        path.unlink()
        if make == "link":
            path.symlink_to(tmp_path / "secret")
        elif make == "folder":
            path.mkdir()
        elif make == "pipe":
            os.mkfifo(path)
        else:
            shutil.move(path.parent, tmp_path / place.replace("/", "-"))
            (tmp_path / place.replace("/", "-") / "b.npy").write_bytes(b"2")
            path.parent.symlink_to(tmp_path / place.replace("/", "-"))
        refused = await platform.call("GET", f"{EXAM}/result/{result['id']}/zip", expect=404)
        assert "b.npy" in refused.json()["detail"], make
