"""WADO-RS: bytes as they are stored, metadata, frames and images to look at."""

import asyncio
from email import message_from_bytes
from io import BytesIO

import httpx
import numpy as np
import pydicom
import pytest
from images import SERIES, STUDY, instance
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import RLELossless
from workflow_service import WORKFLOW

from workflow_manager.dicom.entries import Origin, Outcome

STUDY_URL = f"{WORKFLOW}/dicomweb/studies/{STUDY}"
SERIES_URL = f"{STUDY_URL}/series/{SERIES}"


def url_of(number):
    return f"{SERIES_URL}/instances/{SERIES}.{number}"


def encoded(dataset):
    target = BytesIO()
    dataset.save_as(target, enforce_file_format=True)
    return target.getvalue()


def parts_of(answer):
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    message = message_from_bytes(head + answer.content)
    assert message.is_multipart()
    return [(part.get_content_type(), part.get_payload(decode=True)) for part in message.walk()][1:]


def raw_parts(answer):
    """The parts without the e-mail parser, which takes liberties with line ends."""
    boundary = answer.headers["content-type"].split("boundary=")[1].encode()
    found = []
    for piece in answer.content.split(b"--" + boundary)[1:-1]:
        head, _, body = piece.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        assert body[length:] == b"\r\n"
        found.append(body[:length])
    return found


def several_frames():
    dataset = instance(3)
    dataset.NumberOfFrames = 4
    pixels = np.arange(4 * 16 * 16, dtype="<u2")
    dataset.add_new("PixelData", "OW", pixels.tobytes())
    block = Dataset()
    block.add_new(0x00091010, "OB", b"x" * 3000)
    block.add_new(0x00090010, "LO", "ACME")
    dataset.ReferencedImageSequence = [block]
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName = "Böll^Jürgen"
    return dataset


def compressed():
    dataset = instance(4)
    dataset.compress(RLELossless, generate_instance_uid=False)
    return dataset


@pytest.fixture
async def node(serving):
    """A service with four images: two plain, one of several frames, one compressed."""
    async with serving() as service:
        service.files = {}
        for number, made in enumerate(
            (instance(1), instance(2), several_frames(), compressed()), start=1
        ):
            service.files[number] = encoded(made)
            stored = await service.wiring.store.store_instance(
                service.files[number], Origin(source="TEST")
            )
            assert stored.outcome is Outcome.STORED
        yield service


async def test_instances_come_as_they_are_stored(node):
    for url in (STUDY_URL, SERIES_URL):
        answer = await node.user.get(url)
        assert answer.headers["content-type"].startswith(
            'multipart/related; type="application/dicom"'
        )
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert raw_parts(answer) == list(node.files.values())
    one = await node.user.get(url_of(1))
    assert raw_parts(one) == [node.files[1]]
    single = await node.user.get(url_of(1), headers={"Accept": "application/dicom"})
    assert (single.headers["content-type"], single.content) == ("application/dicom", node.files[1])
    assert single.headers["accept-ranges"] == "bytes"
    headers = {"Accept": "application/dicom", "Range": "bytes=100-199"}
    part = await node.user.get(url_of(1), headers=headers)
    assert (part.status_code, part.content) == (206, node.files[1][100:200])
    assert [kind for kind, _ in parts_of(await node.user.get(STUDY_URL))] == [
        "application/dicom"
    ] * 4


async def test_a_transfer_syntax_is_given_where_it_can_be(node):
    little = "1.2.840.10008.1.2.1"
    accept = f'multipart/related; type="application/dicom"; transfer-syntax={little}'
    answer = await node.user.get(url_of(4), headers={"Accept": accept})
    (data,) = raw_parts(answer)
    plain = pydicom.dcmread(BytesIO(data))
    assert plain.file_meta.TransferSyntaxUID == little
    assert plain.SOPInstanceUID == f"{SERIES}.4"
    assert plain.pixel_array.tolist() == instance(4).pixel_array.tolist()
    implicit = "application/dicom; transfer-syntax=1.2.840.10008.1.2"
    answer = await node.user.get(url_of(1), headers={"Accept": implicit})
    assert pydicom.dcmread(BytesIO(answer.content)).PatientID == "P-1"


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("", "application/dicom"),
        ("", "text/html"),
        ("", 'multipart/related; type="application/dicom+xml"'),
        ("", 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.90'),
        ("/metadata", "application/dicom+xml"),
        (f"/instances/{SERIES}.1/frames/1", "video/mpeg"),
        (f"/instances/{SERIES}.1/rendered", "image/gif"),
        ("/rendered", "image/jpeg"),
    ],
)
async def test_what_cannot_be_had_like_this_is_not_acceptable(node, path, accept):
    answer = await node.user.get(f"{SERIES_URL}{path}", headers={"Accept": accept})
    assert (answer.status_code, answer.json()["type"]) == (406, "/problems/not-acceptable")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{STUDY_URL}.9", 404),
        (f"{SERIES_URL}.9", 404),
        (f"{STUDY_URL}.9/series/{SERIES}", 404),
        (f"{url_of(1)}/frames/2", 404),
        (f"{url_of(1)}/frames/0", 400),
        (f"{url_of(1)}/frames/2,1", 400),
        (f"{url_of(1)}/frames/x", 400),
        (f"{url_of(3)}/frames/5", 404),
        (f"{url_of(1)}/bulkdata/00100010", 404),
        (f"{url_of(1)}/bulkdata/../../etc", 404),
        (f"{url_of(1)}/rendered?window=1", 400),
        (f"{url_of(1)}/rendered?window=1,0", 400),
        (f"{url_of(1)}/rendered?viewport=100000,1", 400),
        (f"{url_of(1)}/rendered?quality=0", 400),
    ],
)
async def test_what_is_not_there_or_cannot_be_understood_is_said(node, path, status):
    assert (await node.user.get(path)).status_code == status


async def test_metadata_name_long_values_by_addresses_that_work(node):
    answer = await node.user.get(f"{SERIES_URL}/metadata")
    assert answer.headers["content-type"] == "application/dicom+json"
    sets = answer.json()
    assert [one["00200013"]["Value"] for one in sets] == [[1], [2], [3], [4]]
    third = sets[2]
    assert third["00100010"]["Value"] == [{"Alphabetic": "Böll^Jürgen"}]
    assert third["00080005"]["Value"] == ["ISO_IR 192"]
    assert "00020010" not in third
    uri = third["00081140"]["Value"][0]["00091010"]["BulkDataURI"]
    value = await node.user.get(uri)
    assert value.content == b"x" * 3000
    in_part = await node.user.get(
        uri, headers={"Accept": 'multipart/related; type="application/octet-stream"'}
    )
    assert raw_parts(in_part) == [b"x" * 3000]
    pixels = await node.user.get(sets[0]["7FE00010"]["BulkDataURI"])
    assert raw_parts(pixels) == [instance(1).PixelData]
    one = await node.user.get(f"{url_of(2)}/metadata", headers={"Accept": "application/json"})
    assert one.json()[0] == sets[1]
    assert len((await node.user.get(f"{STUDY_URL}/metadata")).json()) == 4
    restored = Dataset.from_json(sets[0], lambda *_: b"")
    assert restored.SOPInstanceUID == f"{SERIES}.1"


async def test_frames_come_one_by_one_or_together(node):
    frames = several_frames().PixelData
    size = 16 * 16 * 2
    answer = await node.user.get(f"{url_of(3)}/frames/2,4")
    assert raw_parts(answer) == [frames[size : 2 * size], frames[3 * size :]]
    single = await node.user.get(
        f"{url_of(3)}/frames/3", headers={"Accept": "application/octet-stream"}
    )
    assert single.content == frames[2 * size : 3 * size]
    stored = await node.user.get(f"{url_of(4)}/frames/1")
    assert 'type="image/dicom-rle"' in stored.headers["content-type"]
    decoded = await node.user.get(
        f"{url_of(4)}/frames/1",
        headers={"Accept": 'multipart/related; type="application/octet-stream"'},
    )
    assert raw_parts(decoded) == [instance(4).PixelData]


@pytest.mark.parametrize("table", [True, False])
async def test_frames_that_are_compressed_are_found_wherever_they_are(serving, table):
    dataset = instance(5)
    dataset.NumberOfFrames = 12
    dataset.add_new("PixelData", "OW", np.arange(12 * 16 * 16, dtype="<u2").tobytes())
    dataset.compress(RLELossless, generate_instance_uid=False)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=12))
    dataset.PixelData = encapsulate(frames, has_bot=table)
    async with serving() as service:
        await service.wiring.store.store_instance(encoded(dataset), Origin(source="TEST"))
        every = ",".join(map(str, range(1, 13)))
        for wanted in ("1", "12", "3,7", every):
            answer = await service.user.get(f"{url_of(5)}/frames/{wanted}")
            assert raw_parts(answer) == [frames[int(n) - 1] for n in wanted.split(",")]


async def test_frames_that_a_header_promises_and_the_file_lacks_are_not_found(serving):
    dataset = compressed()
    dataset.NumberOfFrames = 20
    async with serving() as service:
        await service.wiring.store.store_instance(encoded(dataset), Origin(source="TEST"))
        for wanted in ("2", "20", ",".join(map(str, range(2, 21)))):
            answer = await service.user.get(f"{url_of(4)}/frames/{wanted}")
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


async def test_frames_beyond_two_gigabytes_are_found(serving):
    """The file has holes: it takes no room, and nothing but what is asked for is read."""
    frames, size = 1100, 1024 * 1024 * 2
    dataset = instance(6, size=1024)
    dataset.NumberOfFrames, dataset.PixelData = frames, b""
    async with serving() as service:
        await service.wiring.store.store_instance(encoded(dataset), Origin(source="TEST"))
        (path,) = (service.wiring.lake.root / "dicom").rglob("*.dcm")
        head = path.read_bytes()
        path.chmod(0o640)
        with path.open("wb") as file:
            file.write(head[:-4] + (frames * size).to_bytes(4, "little"))
            for number in (1, frames):
                file.seek(len(head) + (number - 1) * size)
                file.write(number.to_bytes(2, "little") * 512)
            file.truncate(len(head) + frames * size)
        for number in (1, frames):
            answer = await service.user.get(
                f"{url_of(6)}/frames/{number}", headers={"Accept": "application/octet-stream"}
            )
            assert answer.content == (number.to_bytes(2, "little") * 512).ljust(size, b"\x00")
        headers = {"Accept": "application/dicom", "Range": "bytes=-3"}
        assert (await service.user.get(url_of(6), headers=headers)).content == bytes(3)
        (metadata,) = (await service.user.get(f"{url_of(6)}/metadata")).json()
        assert metadata["00280008"]["Value"] == [frames]
        assert "BulkDataURI" in metadata["7FE00010"]


async def test_the_viewer_gets_decoded_frames_as_it_asks_for_them(node):
    """As cornerstone's wadors loader asks: no quotes, any transfer syntax, the session's cookie."""
    for accept in (
        "multipart/related; type=application/octet-stream; transfer-syntax=*",
        'multipart/related; type="image/jls"; transfer-syntax=1.2.840.10008.1.2.4.80, '
        'multipart/related; type="application/octet-stream"; transfer-syntax=*',
    ):
        token = node.user.headers["Authorization"].removeprefix("Bearer ")
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=node.app), base_url="http://test"
        ) as browser:
            browser.cookies.set("access_token", token)
            answer = await browser.get(f"{url_of(4)}/frames/1", headers={"Accept": accept})
            metadata = await browser.get(f"{SERIES_URL}/metadata", headers={"Accept": "*/*"})
        assert answer.status_code == 200, answer.text
        assert raw_parts(answer) == [instance(4).PixelData]
        head = answer.content.split(b"\r\n\r\n")[0]
        assert (
            b"Content-Type: application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1" in head
        )
        described = metadata.json()[3]
        assert (described["00280010"]["Value"], described["00280100"]["Value"]) == ([16], [16])
        assert described["00083002"]["Value"] == ["1.2.840.10008.1.2.5"]


async def test_images_to_look_at(node):
    answer = await node.user.get(f"{url_of(3)}/frames/2/rendered", headers={"Accept": "image/png"})
    image = Image.open(BytesIO(answer.content))
    assert (image.format, image.size, image.mode) == ("PNG", (16, 16), "L")
    shades = np.asarray(image)
    assert shades[0, 0] < 10
    assert shades[-1, -1] > 245
    jpeg = await node.user.get(f"{url_of(1)}/rendered?window=100,200,linear&quality=50")
    assert jpeg.headers["content-type"] == "image/jpeg"
    narrow = await node.user.get(f"{url_of(1)}/rendered?window=100,1&viewport=8,8&accept=image/png")
    small = np.asarray(Image.open(BytesIO(narrow.content)))
    assert small.shape == (8, 8)
    assert {0, 255} <= set(np.unique(small))
    for url in (STUDY_URL, SERIES_URL, url_of(4)):
        thumbnail = await node.user.get(f"{url}/thumbnail")
        assert Image.open(BytesIO(thumbnail.content)).format == "JPEG"
    everything = await node.user.get(f"{SERIES_URL}/rendered")
    assert [kind for kind, _ in parts_of(everything)] == ["image/jpeg"] * 4


async def test_many_requests_at_once_are_each_answered_in_full(node):
    answers = await asyncio.gather(*(node.user.get(SERIES_URL) for _ in range(8)))
    assert all(raw_parts(answer) == list(node.files.values()) for answer in answers)


async def test_a_series_tells_what_it_was_requested_by(serving):
    made = instance(1)
    request = Dataset()
    request.ScheduledProcedureStepID, request.RequestedProcedureID = "SPS1", "RP1"
    made.RequestAttributesSequence = [request]
    made.TimezoneOffsetFromUTC = "+0100"
    async with serving() as service:
        await service.wiring.store.store_instance(encoded(made), Origin(source="TEST"))
        (series,) = (await service.user.get(f"{STUDY_URL}/series")).json()
    (item,) = series["00400275"]["Value"]
    assert (item["00400009"]["Value"], item["00401001"]["Value"]) == (["SPS1"], ["RP1"])
    assert series["00080201"]["Value"] == ["+0100"]
