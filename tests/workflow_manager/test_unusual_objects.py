"""What is no plain image comes through the listener too, and is looked at over DICOMweb."""

import asyncio
from io import BytesIO

import numpy as np
import pytest
from images import SERIES, STUDY, instance
from PIL import Image
from pydicom.uid import EncapsulatedPDFStorage, EnhancedMRImageStorage
from test_character_sets import NAMES, written
from workflow_service import WORKFLOW, a_port

from workflow_manager.dicom.scu import Peer, send_series

WEB = f"{WORKFLOW}/dicomweb"
PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"
FRAMES = 5


def enhanced(number):
    made = instance(number)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    made.NumberOfFrames = FRAMES
    pixels = np.zeros((FRAMES, 16, 16), dtype="<u2")
    for frame in range(FRAMES):
        pixels[frame, :, : 2 * (frame + 1)] = 1000
    made.add_new("PixelData", "OW", pixels.tobytes())
    made.WindowCenter, made.WindowWidth = 500, 1000
    return made


def document(number, content=PDF):
    made = instance(number)
    for keyword in ("Rows", "Columns", "PixelData", "BitsAllocated", "BitsStored", "HighBit"):
        delattr(made, keyword)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = EncapsulatedPDFStorage
    made.Modality, made.MIMETypeOfEncapsulatedDocument = "DOC", "application/pdf"
    made.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    made.EncapsulatedDocumentLength = len(content)
    return made


class Scanner:
    """Sends over an association of its own for each image."""

    def __init__(self, service, port, folder):
        self.service, self.folder = service, folder
        self.peer = Peer("127.0.0.1", port, "SCANHUB", "SCANNER", 5.0, 10.0)

    async def send(self, made):
        target = BytesIO()
        made.save_as(target, enforce_file_format=True)
        await self.send_bytes(target.getvalue())

    async def send_bytes(self, content):
        path = self.folder / "image.dcm"
        path.write_bytes(content)
        report = await asyncio.to_thread(send_series, [("image", path)], self.peer)
        assert not report.failed

    async def get(self, path, accept="*/*"):
        return await self.service.user.get(f"{WEB}{path}", headers={"Accept": accept})


@pytest.fixture
async def scanner(serving, tmp_path):
    port = a_port()
    async with serving(dicom_port=port, dicom_min_free_bytes=0) as service:
        yield Scanner(service, port, tmp_path)


def place(number):
    return f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.{number}"


async def test_frames_of_an_enhanced_image_are_rendered_one_by_one(scanner):
    await scanner.send(enhanced(1))
    bright = []
    for frame in range(1, FRAMES + 1):
        answer = await scanner.get(f"{place(1)}/frames/{frame}/rendered", "image/png")
        bright.append(int((np.asarray(Image.open(BytesIO(answer.content))) > 200).sum()))
    assert bright == [16 * 2 * frame for frame in range(1, FRAMES + 1)]
    assert (await scanner.get(f"{place(1)}/frames/{FRAMES + 1}/rendered")).status_code == 404


async def test_a_document_is_shown_as_it_is_and_its_thumbnail_is_a_page(scanner):
    await scanner.send(document(1))
    shown = await scanner.get(f"{place(1)}/rendered")
    assert (shown.headers["content-type"], shown.content) == ("application/pdf", PDF)
    assert shown.headers["x-content-type-options"] == "nosniff"
    as_image = await scanner.get(f"{place(1)}/rendered", "image/jpeg")
    assert (as_image.status_code, "application/pdf" in as_image.text) == (406, True)
    for path in (place(1), f"/studies/{STUDY}/series/{SERIES}", f"/studies/{STUDY}"):
        for accept, kind in (("*/*", "JPEG"), ("image/png", "PNG")):
            page = await scanner.get(f"{path}/thumbnail?viewport=64,64", accept)
            image = Image.open(BytesIO(page.content))
            assert (image.format, image.size) == (kind, (64, 64))
    await scanner.send(document(2, b"<script>"))
    assert (await scanner.get(f"{place(2)}/rendered")).status_code == 406
    await scanner.send(enhanced(3))  # images are looked at before documents
    small = await scanner.get(f"/studies/{STUDY}/thumbnail", "image/png")
    assert Image.open(BytesIO(small.content)).size == (16, 16)


@pytest.mark.parametrize(
    ("charset", "asked"),
    [
        ("\\ISO 2022 IR 87", ("山田^太郎", "山田*", "やまだ*", "yamada^tarou")),
        ("\\ISO 2022 IR 149", ("洪^吉洞", "洪*", "홍^길동", "hong*")),
    ],
)
async def test_names_in_japanese_and_korean_are_found_in_each_script(scanner, charset, asked):
    raw, name = next((raw, name) for known, raw, name in NAMES if known == charset)
    await scanner.send_bytes(written(charset, raw))
    groups = name.split("=")
    for text in asked:
        query = {"PatientName": text}
        (study,) = (await scanner.service.user.get(f"{WEB}/studies", params=query)).json()
        (found,) = study["00100010"]["Value"]
        assert [found["Alphabetic"], found["Ideographic"], found["Phonetic"]] == groups
    stored = await scanner.get(place(1), "application/dicom")
    assert raw in stored.content  # the bytes stay as they came
