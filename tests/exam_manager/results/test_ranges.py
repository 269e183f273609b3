"""Parts of files: what is there, what is not, and what changes while it is sent."""

import email
import os

import httpx
import pytest
from serving import closes, is_open, serving

EXAM = "/api/v1/exam"
CONTENT = bytes(range(100))


@pytest.fixture
async def file(platform, store):
    """A DICOM file, an empty one, and where they are."""
    _, place = await store({"a.dcm": CONTENT, "empty.dcm": b""}, "DICOM")
    return f"{EXAM}/dcm/{place}/a.dcm", platform.lake.path(f"lake/{place}/a.dcm")


async def get(platform, url, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await platform.call("GET", url, headers={**platform.medical, **named})


async def test_parts_come_as_they_are_asked_for(platform, file):
    url, _ = file
    for asked, content in (
        ("bytes=10-19", CONTENT[10:20]), ("bytes=-7", CONTENT[-7:]), ("bytes=95-", CONTENT[95:]),
        ("bytes=0-", CONTENT),
    ):  # fmt: skip
        answer = await get(platform, url, Range=asked)
        assert (answer.status_code, answer.content) == (206, content)
        assert int(answer.headers["Content-Length"]) == len(content)
        first = CONTENT.index(content)
        assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(content) - 1}/100"
        assert answer.headers["Content-Type"] == "application/dicom"
    whole = await get(platform, url, Range="pages=1-2")
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert whole.headers["Accept-Ranges"] == "bytes"


async def test_several_parts_come_as_a_multipart(platform, file):
    answer = await get(platform, file[0], Range="bytes=50-51, 0-1, -2")
    assert answer.status_code == 206
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    kind = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    parts = email.message_from_bytes(kind + answer.content).get_payload()
    assert [(part["Content-Range"], part["Content-Type"]) for part in parts] == [
        (f"bytes {place}/100", "application/dicom") for place in ("0-1", "50-51", "98-99")
    ]
    assert [part.get_payload(decode=True) for part in parts] == [b"\0\1", b"23", b"bc"]


@pytest.mark.parametrize(
    ("name", "asked", "status", "slug"),
    [
        ("a", "bytes=100-", 416, "range-not-satisfiable"),
        ("a", "bytes=-0", 416, "range-not-satisfiable"),
        ("empty", "bytes=0-", 416, "range-not-satisfiable"),
        ("a", "bytes=9-1", 400, "bad-request"),
        ("a", "bytes=x", 400, "bad-request"),
    ],
)
async def test_a_range_that_is_wrong_is_a_problem_like_any_other(
    platform, file, *, name, asked, status, slug
):
    url = file[0].replace("a.dcm", f"{name}.dcm")
    refused = await get(platform, url, Range=asked)
    assert refused.status_code == status
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["type"] == f"/problems/{slug}"
    assert refused.json()["correlation_id"] == refused.headers["X-Correlation-Id"]
    if status == 416:
        size = {"a": 100, "empty": 0}[name]
        assert refused.headers["Content-Range"] == f"bytes */{size}"
    whole = await get(platform, url)
    assert (whole.status_code, len(whole.content)) == (200, {"a": 100, "empty": 0}[name])


async def test_a_download_that_goes_on_gets_the_whole_of_a_changed_file(platform, file):
    url, path = file
    first = await get(platform, url)
    for unchanged in (first.headers["ETag"], first.headers["Last-Modified"]):
        answer = await get(platform, url, Range="bytes=5-9", If_Range=unchanged)
        assert (answer.status_code, answer.content) == (206, CONTENT[5:10])
    path.write_bytes(CONTENT[::-1])
    for stale in (first.headers["ETag"], f"W/{first.headers['ETag']}", '"x"'):
        answer = await get(platform, url, Range="bytes=500-", If_Range=stale)
        assert (answer.status_code, answer.content) == (200, CONTENT[::-1])


async def test_other_methods_are_not_for_files(platform, file):
    for method in ("HEAD", "POST", "PUT"):
        answer = await platform.call(method, file[0])
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")


@pytest.fixture
async def large(platform, store):
    """A file that no buffer holds, and where it is."""
    _, place = await store({"a.dcm": os.urandom(48 * 2**20)}, "DICOM")
    path = platform.lake.path(f"lake/{place}/a.dcm")
    return f"{EXAM}/dcm/{place}/a.dcm", path, place.split("/")[-1]


async def test_a_file_that_is_deleted_while_it_is_sent_comes_whole(platform, large):
    url, path, result = large
    content, got = path.read_bytes(), bytearray()
    async with (
        serving(platform.app) as address,
        httpx.AsyncClient(trust_env=False, timeout=60) as client,
    ):
        async with client.stream("GET", address + url, headers=platform.medical) as answer:
            async for block in answer.aiter_raw():
                if not got:
                    await platform.call("DELETE", f"{EXAM}/result/{result}", expect=204)
                got += block
        assert got == content
        again = await client.get(address + url, headers=platform.medical)
    assert again.status_code == 404
    assert not path.exists()
    await closes(path)


async def test_a_file_that_is_cut_while_it_is_sent_breaks_the_download(platform, large):
    url, path, _ = large
    got = 0
    async with (
        serving(platform.app) as address,
        httpx.AsyncClient(trust_env=False, timeout=60) as client,
    ):
        with pytest.raises(httpx.RemoteProtocolError):
            async with client.stream("GET", address + url, headers=platform.medical) as answer:
                async for block in answer.aiter_raw():
                    if not got:
                        os.truncate(path, 40 * 2**20)
                    got += len(block)
    assert 0 < got < 48 * 2**20
    await closes(path)


async def test_a_download_that_is_given_up_closes_its_file(platform, large):
    url, path, _ = large
    async with serving(platform.app) as address:
        async with (
            httpx.AsyncClient(trust_env=False, timeout=60) as client,
            client.stream("GET", address + url, headers=platform.medical) as answer,
        ):
            await anext(answer.aiter_raw())
            assert is_open(path)
        await closes(path)
