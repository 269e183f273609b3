"""Attributes that an installation keeps beside those that the index always has."""

import asyncio
import subprocess

import pytest
from images import SERIES, STUDY, instance, write_instance
from programs import require_program
from pydantic import ValidationError
from test_dicomweb_retrieve import encoded
from test_dicomweb_store import RELATED, body_of
from workflow_service import WORKFLOW, a_port

from workflow_manager.dicom.entries import Origin, Outcome
from workflow_manager.dicom.extra_tags import checked_names, with_extra_tags
from workflow_manager.dicom.part10 import read_header

INSTANCES = f"{WORKFLOW}/dicomweb/instances"
KEPT = ("InversionTime", "0018,1020", "0019,100a", "0008,0060", "EchoNumbers", "ProtocolName")


def with_more(number=1):
    made = instance(number)
    made.InversionTime, made.EchoNumbers = 900.0, [1, 2]
    made.add_new(0x00190010, "LO", "ACME")
    made.add_new(0x0019100A, "SH", "blip up")
    return made


def storescu(port, *paths):
    peer = ("-aec", "SCANHUB", "127.0.0.1", str(port))
    subprocess.run([require_program("storescu"), *peer, *map(str, paths)], check=True)


def test_names_are_keywords_or_tags():
    assert checked_names(KEPT) == ("InversionTime", "0019100A", "EchoNumbers")
    assert checked_names(["00180082", " InversionTime "]) == ("InversionTime",)
    assert checked_names([]) == ()


@pytest.mark.parametrize(
    "name",
    ["Inversion Time", "0018", "PixelData", "ReferencedImageSequence", "0002,0010", "0018,0003"],
)
def test_a_name_that_cannot_be_kept_stops_the_start(make_settings, name):
    with pytest.raises(ValidationError, match=name):
        make_settings(dicom_extra_tags=("InversionTime", name))


async def test_extra_tags_are_found_and_told_whichever_way_images_come(serving, tmp_path):
    port = a_port()
    async with serving(dicom_extra_tags=KEPT, dicom_port=port) as service:
        await service.wiring.store.store_instance(encoded(with_more(1)), Origin(source="TEST"))
        paths = [tmp_path / f"{n}.dcm" for n in (4, 5)]
        for n, path in zip((4, 5), paths, strict=True):
            path.write_bytes(encoded(with_more(n)))
        await asyncio.to_thread(storescu, port, *paths)
        body = body_of(encoded(with_more(2)), encoded(instance(3)))
        sent = await service.user.post(
            f"{WORKFLOW}/dicomweb/studies", content=body, headers={"Content-Type": RELATED}
        )
        assert sent.status_code == 200, sent.text

        async def found(query):
            answer = await service.user.get(f"{INSTANCES}?{query}")
            assert answer.status_code == 200, answer.text
            return answer.json()

        (one,) = await found(f"0019100A=blip*&SOPInstanceUID={SERIES}.2")
        assert one["0019100A"] == {"vr": "UC", "Value": ["blip up"]}
        assert len(await found("0019100A=blip*")) == 4
        both = await found("includefield=InversionTime,EchoNumbers&0019100A=*up")
        assert [i["00180082"] for i in both] == [{"vr": "DS", "Value": [900.0]}] * 4
        assert [i["00180086"]["Value"] for i in both] == [[1, 2]] * 4
        everything = await found("includefield=all")
        assert ["00180082" in i for i in everything] == [True, True, False, True, True]
        plain = await found("")
        assert not any("00180082" in i for i in plain)
        refused = await service.user.get(f"{WORKFLOW}/dicomweb/studies?InversionTime=900")
        assert refused.status_code == 400


async def test_what_is_not_kept_can_be_asked_for_and_is_left_out(service):
    await service.wiring.store.store_instance(encoded(with_more()), Origin(source="TEST"))
    answer = await service.user.get(f"{INSTANCES}?includefield=0019100A,InversionTime")
    (one,) = answer.json()
    assert not {"0019100A", "00180082"} & one.keys()
    assert (await service.user.get(f"{INSTANCES}?0019100A=x")).status_code == 400


async def test_a_value_that_cannot_be_read_costs_no_image(serving, tmp_path):
    broken = with_more()
    broken.add_new(0x0019100A, "UN", bytes(range(200, 256)))
    broken.InversionTime = "900"
    data = encoded(broken).replace(b"DS\x04\x00900 ", b"DS\x04\x00\xff\\x\x00")
    assert b"\xff\\x\x00" in data
    async with serving(dicom_extra_tags=KEPT) as service:
        stored = await service.wiring.store.store_instance(data, Origin(source="TEST"))
        assert stored.outcome is Outcome.STORED
        (one,) = (await service.user.get(f"{INSTANCES}?includefield=all")).json()
        assert one["0020000D"]["Value"] == [STUDY]
        assert one["00180086"]["Value"] == [1, 2]
        assert "0019100A" not in one
    path = write_instance(tmp_path / "whole")
    header = read_header(path)
    path.write_bytes(b"gone meanwhile")
    assert with_extra_tags(path, header, ("InversionTime",)) == header
