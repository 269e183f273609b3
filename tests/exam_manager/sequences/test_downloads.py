"""Downloads of what was uploaded, and what an upload may be."""

import re
from urllib.parse import unquote

import pytest

EXAM = "/api/v1/exam"
HEADER = b'<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"/>'
_UTF8_NAME = re.compile(r"attachment; filename\*=utf-8''([\w.%!#$&+^`|~-]+)", re.ASCII)
_PLAIN_NAME = re.compile(r'attachment; filename="([\w. ()-]+)"', re.ASCII)


def saved_as(response):
    """Return the file name of a download as a browser reads it (RFC 6266)."""
    value = response.headers["content-disposition"]
    coded, plain = _UTF8_NAME.fullmatch(value), _PLAIN_NAME.fullmatch(value)
    assert coded or plain, value
    return unquote(coded[1], errors="strict") if coded else plain[1]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("plain.seq", "plain.seq"),
        ('a".seq; filename="evil.exe', 'a".seq; filename="evil.exe'),
        ("two\r\nSet-Cookie: x=1", "two__Set-Cookie: x=1"),
        ("Kopf-Übersicht 頭.seq", "Kopf-Übersicht 頭.seq"),
        ("back\\slash;semi,comma", "back_slash;semi,comma"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("%0d%0a", "%0d%0a"),
        ("'", "'"),
        ("\x7f\x01\u202egpj.exe", "___gpj.exe"),
    ],
)
async def test_any_name_makes_a_safe_header(platform, upload, name, safe):
    made = await upload(platform, files={"xml_file": ("h.xml", HEADER, "text/xml")})
    for part in ("file", "header"):
        url = f"{EXAM}/sequence/{made['_id']}/{part}"
        response = await platform.call("GET", url, params={"name": name}, expect=200)
        assert saved_as(response) == safe
        assert "set-cookie" not in response.headers
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_the_name_of_the_sequence_is_as_safe(platform, upload):
    made = await upload(platform, name='a"\r\n頭')
    response = await platform.call("GET", f"{EXAM}/sequence/{made['_id']}/file", expect=200)
    assert saved_as(response) == 'a"__頭.seq'


async def test_a_part_of_a_file_can_be_asked_for(platform, upload, small):
    url = f"{EXAM}/sequence/{(await upload(platform))['_id']}/file"

    async def part(wanted, expect):
        headers = {**platform.medical, "Range": wanted}
        return await platform.call("GET", url, headers=headers, expect=expect)

    whole = await platform.call("GET", url, expect=200)
    assert whole.headers["accept-ranges"] == "bytes"
    first = await part("bytes=2-17", 206)
    assert first.content == small.encode()[2:18]
    assert first.headers["content-range"] == f"bytes 2-17/{len(small)}"
    assert (await part("bytes=-5", 206)).content == small.encode()[-5:]
    await part(f"bytes={len(small)}-", 416)


async def test_a_header_that_is_none_is_refused_and_nothing_is_stored(platform, upload):
    for data, reason in ((b"<html/>", "root"), (b"<a", "well-formed"), (b"\xff\xfe", "UTF-8")):
        problem = await upload(
            platform, files={"xml_file": ("h.xml", data, "text/xml")}, expect=422
        )
        assert problem["field"] == "xml_file"
        assert reason in problem["detail"]
    assert list(platform.lake.folder("sequences").iterdir()) == []


async def test_text_that_is_not_utf_8_is_refused_with_its_line(platform, upload, small):
    problem = await upload(platform, small.encode() + b"# K\xf6rper\n", expect=422)
    assert problem["line"] == small.count("\n") + 1
    assert "UTF-8" in problem["detail"]


@pytest.mark.parametrize("filename", ["a.plot", "a.bin", "a.plot.bin", "../x.seq", "a", ".SEQ"])
async def test_no_ending_puts_a_file_over_another_one(platform, upload, small, filename, ready):
    made = await upload(
        platform, filename=filename, files={"xml_file": (filename, HEADER, "text/xml")}
    )
    url = f"{EXAM}/sequence/{made['_id']}"
    await ready(platform, made)
    assert (await platform.call("GET", f"{url}/file", expect=200)).content == small.encode()
    assert (await platform.call("GET", f"{url}/header", expect=200)).content == HEADER
    names = [path.name for path in platform.lake.folder("sequences").iterdir()]
    assert len(names) == 3
    assert all(name.startswith(made["_id"]) for name in names)
