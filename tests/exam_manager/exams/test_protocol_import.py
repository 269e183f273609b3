"""How a file of protocols may come, and what is said of it."""

import json

import pytest
from protocol_documents import document, job, pulseq, sequence, task, upload

EXAM = "/api/v1/exam"
URL = f"{EXAM}/protocols/import"


async def send(platform, content, expect, **headers):
    headers = {**platform.medical, "Content-Type": "application/json", **headers}
    answer = await platform.call("POST", URL, content=content, headers=headers, expect=expect)
    return answer.json()


async def listed(platform):
    return (await platform.call("GET", f"{EXAM}/protocols", expect=200)).json()


async def test_a_file_comes_as_the_body_or_as_a_part_of_a_form(either):
    file = json.dumps(document(task(sequence="s1"), sequences=[sequence()])).encode()
    parts = {"file": ("protocols.json", file, "application/json")}
    made = await either.call("POST", URL, files=parts, expect=201)
    again = await send(either, b"\xef\xbb\xbf" + file, 201)  # as some editors save it
    assert made.json()["sequences"][0]["created"]
    assert not again["sequences"][0]["created"]
    assert len(await listed(either)) == 2
    for wrong in ({"data": {"file": "text"}, "files": {"other": b"x"}}, {"files": {"b": file}}):
        refused = await either.call("POST", URL, expect=422, **wrong)
        assert refused.json()["field"] == "file"
    two = [("file", file), ("file", file)]
    await either.call("POST", URL, files=two, expect=400)
    bad = {"file": ("a.json", json.dumps(document(format="x")).encode(), "text/plain")}
    refused = (await either.call("POST", URL, files=bad, expect=422)).json()
    assert [error["pointer"] for error in refused["errors"]] == ["/body/format"]
    assert len(await listed(either)) == 2


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (b"", 1, 0),
        (b'{\n "format": nonsense}', 2, 13),
        (b"{\n\n", 3, 0),
        (b"[" * 5000, 1, 202),
        (b'{"version": NaN}', 1, 13),
        (b"\xff\xfe{}", 1, 1),
    ],
)
async def test_what_is_no_json_is_refused_with_line_and_column(platform, content, line, column):
    refused = await send(platform, content, 422)
    assert (refused["line"], refused["column"]) == (line, column)
    assert f"line {line}, column {column}" in refused["detail"]


async def test_a_file_of_too_many_parts_is_refused_before_it_is_read(platform):
    await send(platform, b"[" + b"1," * 300_000 + b"1]", 413)
    many = document(*(job(f"t{n}") for n in range(1000)))
    (one,) = many["protocols"]
    (workflow,) = one["workflows"]
    one["workflows"] = [workflow] * 11
    assert "11000 tasks" in (await send(platform, json.dumps(many).encode(), 413))["detail"]
    strange = {**document(), **{f"x{n}": n for n in range(1000)}}
    refused = await send(platform, json.dumps(strange).encode(), 422)
    assert len(refused["errors"]) == 50
    for other in (
        b"1",
        b"null",
        b"[]",
        b'{"protocols": 1}',
        b'{"protocols": [{"workflows": [1]}]}',
    ):
        await send(platform, other, 422)
    assert await listed(platform) == []


async def test_where_a_sequence_that_is_here_differs_is_told(platform):
    header = {"xml_file": ("h.xml", b"<ismrmrdHeader/>", "text/xml")}
    sequence_id = await upload(platform, **header)
    same = sequence(name="Ruhe", tags=["head"], xml_file="<ismrmrdHeader/>")
    other = sequence(ref="s2", name="Pause", description="new", sequence_type="TSE", tags=["knee"])
    new = sequence(pulseq("b"), "s3")
    file = document(sequences=[same, other, new])
    made = (await send(platform, json.dumps(file).encode(), 201))["sequences"]
    assert [item["created"] for item in made] == [False, False, True]
    assert {item["sequence_id"] for item in made[:2]} == {sequence_id}
    assert made[0]["notes"] == ["The same Pulseq file is here already as 'Ruhe', and is used."]
    said = [note.split(":")[0] for note in made[1]["notes"][1:]]
    assert said == ["name", "sequence_type", "tags", "description", "xml_file"]
    assert "'Pause' in the file, 'Ruhe' here" in made[1]["notes"][1]
    assert made[2]["notes"] == []
    files = await platform.lake.list_files("sequences")
    assert not [file.key for file in files if "pending" in file.key]
