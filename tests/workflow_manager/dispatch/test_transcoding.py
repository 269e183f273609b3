"""A target that lists transfer syntaxes gets images in them: the same images, to the last pixel."""

import asyncio
import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pydicom
import pytest
from images import SERIES, instance, storescp, write_instance
from programs import require_program
from pydicom.pixels import pixel_array
from pydicom.uid import (
    BasicTextSRStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from test_senders import send, stow_answer, web_server
from workflow_service import a_port, until

from scanhub_libraries.ids import new_id
from scanhub_libraries.models import TargetIn
from workflow_manager.senders.encodings import choices, offers
from workflow_manager.senders.port import Item, Shipment
from workflow_manager.senders.registry import Senders
from workflow_manager.senders.transcoder import TranscodeError, Transcoder, Transcoding

DCMTK_NAMES = {
    ExplicitVRLittleEndian: "LittleEndianExplicit",
    ImplicitVRLittleEndian: "LittleEndianImplicit",
    DeflatedExplicitVRLittleEndian: "DeflatedLittleEndianExplicit",
    RLELossless: "RLELossless",
    JPEG2000Lossless: "JPEG2000LosslessOnly",
    JPEGLSLossless: "JPEGLSLossless",
}
PROFILE = """[[TransferSyntaxes]]
[Only]
TransferSyntax1 = {name}
[[PresentationContexts]]
[Images]
PresentationContext1 = MRImageStorage\\Only
[[Profiles]]
[Default]
PresentationContexts = Images
"""


@pytest.fixture
def sender_of():
    with ThreadPoolExecutor(max_workers=1) as threads:

        def make(transcoding=None, **settings):
            document = {"name": "There", "target_type": "dicom", "ip": "127.0.0.1", **settings}
            senders = Senders(threads, 5.0, 30.0, transcoding or Transcoding())
            return senders.make(TargetIn.model_validate(document).root)

        yield make


@pytest.fixture
def only(tmp_path):
    """Return what runs DCMTK's receiver, which takes one transfer syntax and no other."""

    def run(syntax, port):
        profile = tmp_path / "only.cfg"
        profile.write_text(PROFILE.format(name=DCMTK_NAMES[syntax]))
        options = ("-xf", str(profile), "Default")
        return storescp(require_program("storescp"), tmp_path / "in", port, *options)

    return run


def noisy(path):
    """Put pixels into an image that no codec can guess."""
    dataset = pydicom.dcmread(path)
    generator = np.random.default_rng(int(dataset.InstanceNumber))
    size = dataset.Rows * dataset.Columns * int(dataset.get("NumberOfFrames", 1))
    dataset.PixelData = generator.integers(0, 4096, size, dtype="<u2").tobytes()
    dataset.save_as(path)


def stored_as(syntax, path):
    """Store an image in a transfer syntax, by DCMTK where pydicom cannot."""
    program = {JPEGLosslessSV1: "dcmcjpeg", JPEGLSLossless: "dcmcjpls"}.get(syntax)
    if program is not None:
        subprocess.run([require_program(program), str(path), str(path)], check=True)
    elif syntax == RLELossless:
        dataset = pydicom.dcmread(path)
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(path)
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == syntax


def a_shipment(folder, syntax=ExplicitVRLittleEndian, count=2, size=32):
    paths = [write_instance(folder, number, size=size) for number in range(1, count + 1)]
    for path in paths:
        noisy(path)
        stored_as(syntax, path)
    return Shipment(id=new_id(), items=[Item(f"{SERIES}.{path.stem}", path) for path in paths])


def assert_same_image(sent, got, syntax):
    before, after = pydicom.dcmread(sent), pydicom.dcmread(got)
    assert after.file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(pixel_array(before, raw=True), pixel_array(after, raw=True))
    del before.PixelData, after.PixelData
    assert before.to_json_dict() == after.to_json_dict()


@pytest.mark.long
@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        (ExplicitVRLittleEndian, RLELossless),
        (ExplicitVRLittleEndian, JPEG2000Lossless),
        (ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian),
        (RLELossless, ExplicitVRLittleEndian),
        (RLELossless, JPEG2000Lossless),
        (JPEGLosslessSV1, ImplicitVRLittleEndian),
        (JPEGLSLossless, JPEG2000Lossless),
        (RLELossless, JPEGLSLossless),
    ],
    ids=lambda uid: uid.name,
)
async def test_a_node_that_takes_one_encoding_gets_it_and_the_pixels_are_the_same(
    sender_of, only, tmp_path, stored, wanted
):
    shipment, port = a_shipment(tmp_path / "from", stored), a_port()
    before = [item.path.read_bytes() for item in shipment.items]
    sender = sender_of(port=port, aet_target="PEER", transfer_syntaxes=[JPEGBaseline8Bit, wanted])
    with only(wanted, port):
        report = await send(sender, shipment)
    uids = [item.sop_instance_uid for item in shipment.items]
    assert (report.sent, report.failed) == (uids, {})
    assert report.transcoded == dict.fromkeys(uids, wanted)
    for item, got in zip(shipment.items, sorted((tmp_path / "in").iterdir()), strict=True):
        assert_same_image(item.path, got, wanted)
    assert [item.path.read_bytes() for item in shipment.items] == before


async def test_frames_of_an_enhanced_image_are_the_same(sender_of, only, tmp_path):
    shipment, port = a_shipment(tmp_path / "from", count=1), a_port()
    dataset = pydicom.dcmread(shipment.items[0].path)
    dataset.NumberOfFrames = 20
    dataset.save_as(shipment.items[0].path)
    noisy(shipment.items[0].path)
    sender = sender_of(port=port, aet_target="PEER", transfer_syntaxes=[RLELossless])
    with only(RLELossless, port):
        assert (await send(sender, shipment)).failed == {}
    (got,) = (tmp_path / "in").iterdir()
    assert_same_image(shipment.items[0].path, got, RLELossless)


def test_signed_frames_and_colours_are_the_same_as_jpeg_ls(tmp_path):
    generator = np.random.default_rng(1)
    for signed, samples, frames, kind in ((1, 1, 3, "<i2"), (0, 3, 2, "<u1")):
        image, bits = instance(1, size=7), 8 * np.dtype(kind).itemsize
        image.PixelRepresentation, image.SamplesPerPixel, image.NumberOfFrames = (
            signed,
            samples,
            frames,
        )
        image.BitsAllocated = image.BitsStored = bits
        image.HighBit = bits - 1
        if samples == 3:
            image.PhotometricInterpretation, image.PlanarConfiguration = "RGB", 0
        limits = np.iinfo(kind)
        shape = (frames, 7, 7, samples)
        pixels = generator.integers(limits.min, limits.max + 1, shape, dtype=kind)
        image.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
        source = tmp_path / f"{samples}.dcm"
        image.save_as(source, enforce_file_format=True)
        with Transcoder(Transcoding(), threading.Event()) as transcoder:
            assert_same_image(source, transcoder.transcode(source, JPEGLSLossless), JPEGLSLossless)


async def test_what_is_stored_as_it_is_wanted_is_not_touched(sender_of, only, tmp_path):
    shipment, port = a_shipment(tmp_path / "from", RLELossless), a_port()
    wanted = [JPEG2000Lossless, RLELossless]
    sender = sender_of(port=port, aet_target="PEER", transfer_syntaxes=wanted)
    with only(RLELossless, port):
        report = await send(sender, shipment)
    assert (len(report.sent), report.transcoded) == (2, {})


async def test_what_is_too_small_for_one_encoding_is_made_the_next(sender_of, tmp_path):
    shipment, port = a_shipment(tmp_path / "from", size=16), a_port()
    wanted = [JPEG2000Lossless, RLELossless]
    sender = sender_of(port=port, aet_target="PEER", transfer_syntaxes=wanted)
    with storescp(require_program("storescp"), tmp_path / "in", port, "+xa"):
        report = await send(sender, shipment)
    assert (len(report.sent), set(report.transcoded.values())) == (2, {RLELossless})


async def test_an_image_that_cannot_be_decoded_fails_alone_with_the_reason(
    sender_of, only, tmp_path
):
    shipment, port = a_shipment(tmp_path / "from", RLELossless, count=3), a_port()
    broken = shipment.items[1]
    dataset = pydicom.dcmread(broken.path)
    dataset.PixelData = pydicom.encaps.encapsulate([bytes(64)])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(broken.path)
    native = [ExplicitVRLittleEndian]
    sender = sender_of(port=port, aet_target="PEER", transfer_syntaxes=native)
    with only(ExplicitVRLittleEndian, port):
        report = await send(sender, shipment)
        assert len(report.sent) == 2
        (reason,) = report.failed.values()
        assert list(report.failed) == [broken.sop_instance_uid]
        assert "its pixel data (RLE Lossless) cannot be decoded here" in reason
        small = sender_of(
            Transcoding(most_bytes=256), port=port, aet_target="PEER", transfer_syntaxes=native
        )
        report = await send(small, shipment)
        assert all("larger than 256 bytes" in why for why in report.failed.values())


async def test_nothing_is_made_lossy_and_the_reason_names_the_setting(sender_of, tmp_path):
    shipment, port = a_shipment(tmp_path / "from"), a_port()
    wanted = [JPEGBaseline8Bit]
    sender = sender_of(port=port, aet_target="PEER", transfer_syntaxes=wanted)
    with storescp(require_program("storescp"), tmp_path / "in", port, "+xa"):
        report = await send(sender, shipment)
    assert report.sent == []
    assert all("without loss. Add another one" in why for why in report.failed.values())


async def test_what_has_no_pixels_goes_as_it_is(sender_of, tmp_path):
    path, port = write_instance(tmp_path / "from"), a_port()
    dataset = instance()
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated"):
        del dataset[keyword]
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = BasicTextSRStorage
    dataset.save_as(path, enforce_file_format=True)
    shipment = Shipment(id=new_id(), items=[Item(f"{SERIES}.1", path)])
    sender = sender_of(port=port, aet_target="PEER", transfer_syntaxes=[RLELossless])
    with storescp(require_program("storescp"), tmp_path / "in", port, "+xa"):
        report = await send(sender, shipment)
    assert (report.sent, report.transcoded, report.failed) == ([f"{SERIES}.1"], {}, {})


async def test_stow_sends_what_its_target_wants(sender_of, tmp_path):
    shipment = a_shipment(tmp_path / "from", RLELossless)
    uids = [item.sop_instance_uid for item in shipment.items]
    async with web_server(stow_answer(uids, [], 200)) as (url, asked):
        sender = sender_of(
            target_type="dicomweb", url=url, transfer_syntaxes=[str(JPEG2000Lossless)]
        )
        report = await send(sender, shipment)
    assert (report.sent, report.transcoded) == (uids, dict.fromkeys(uids, JPEG2000Lossless))
    ((request, body),) = asked
    boundary = request.headers["content-type"].rpartition("boundary=")[2]
    for item, part in zip(shipment.items, body.split(f"--{boundary}".encode())[1:-1], strict=True):
        got = tmp_path / "part.dcm"
        got.write_bytes(part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n"))
        assert_same_image(item.path, got, JPEG2000Lossless)


@pytest.mark.long
async def test_the_dispatch_tells_what_was_transcoded(serving, outgoing, only, tmp_path):
    port = a_port()
    await outgoing.add_target("PACS", port=port, transfer_syntaxes=[RLELossless])
    await outgoing.queue(1, 2, "PACS")

    async def sent():
        rows = await service.get("/dispatches")
        return rows[0] if rows[0]["status"] == "sent" else None

    with only(RLELossless, port):
        async with serving(dicom_timeout_s=30.0) as service:
            row = await until(sent)
            told = await service.get(f"/dispatches/{row['id']}")
    assert told["transcoded"] == [
        {"sop_instance_uid": uid, "transfer_syntax_uid": str(RLELossless)}
        for uid in sorted(outgoing.uids)
    ]
    assert told["transcoded_instances"] == 2


async def test_a_codec_that_dies_costs_one_image_and_one_that_hangs_can_be_stopped(tmp_path):
    stop, source = threading.Event(), write_instance(tmp_path)
    hanging = tmp_path / "pipe"
    os.mkfifo(hanging)  # whoever opens it waits for a writer
    with Transcoder(Transcoding(at_once=1), stop) as transcoder:
        waiting = asyncio.create_task(asyncio.to_thread(transcoder.transcode, hanging, RLELossless))
        pid = await until(lambda: children_of(os.getpid(), "transcode_process"))
        os.kill(pid, 9)
        with pytest.raises(TranscodeError, match="came to no good end"):
            await waiting
        again = await asyncio.to_thread(transcoder.transcode, source, RLELossless)
        assert pydicom.dcmread(again).file_meta.TransferSyntaxUID == RLELossless
        waiting = asyncio.create_task(asyncio.to_thread(transcoder.transcode, hanging, RLELossless))
        await asyncio.sleep(0)
        stop.set()
        with pytest.raises(TranscodeError, match="stopped"):
            await waiting
    assert not again.parent.exists()
    assert children_of(os.getpid(), "transcode_process") is None


def children_of(parent, name):
    """Return the pid of a child process by a part of its command line."""
    found = subprocess.run(
        ["pgrep", "-P", str(parent), "-f", name], check=False, capture_output=True, text=True
    )
    return int(found.stdout.split()[0]) if found.stdout else None


def test_without_a_list_an_image_is_offered_as_it_is_stored_and_no_otherwise():
    assert offers(RLELossless, []) == [(RLELossless,)]
    assert offers(JPEGLosslessSV1, [RLELossless]) == [(JPEGLosslessSV1,), (RLELossless,)]
    both = [JPEG2000Lossless, RLELossless]
    assert choices(RLELossless, both, both) == [RLELossless, JPEG2000Lossless]
    assert choices(RLELossless, both, {JPEG2000Lossless}) == [JPEG2000Lossless]
    assert choices(RLELossless, [JPEGBaseline8Bit], [JPEGBaseline8Bit]) == []
