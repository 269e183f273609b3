"""Metadata that are written quickly say what pydicom says, or are left to pydicom."""

import json
import os
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from images import instance
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from workflow_manager.dicom.walk import UnusualError, data_set_begin
from workflow_manager.dicomweb.json_model import json_of_dataset
from workflow_manager.dicomweb.metadata import Stored, metadata_of
from workflow_manager.dicomweb.metadata_text import elements_of, text_of

SAMPLES = Path(os.environ.get("SCANHUB_SAMPLES", "absent")) / "dicom"
SHIPPED = Path(pydicom.__file__).parent / "data"
BULK = "http://test/instances/1/bulkdata/"


def read(content):
    return pydicom.dcmread(BytesIO(content), stop_before_pixels=True)


def by_pydicom(content):
    """The data set of a file as the thorough writer has it."""
    return json_of_dataset(read(content), lambda place: f"{BULK}{place}")


def quickly(content):
    syntax = read(content).file_meta.TransferSyntaxUID
    if syntax in {ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian}:
        raise UnusualError
    begin = data_set_begin(content)
    if begin is None:
        raise UnusualError
    implicit = syntax == ImplicitVRLittleEndian
    texts, _ = elements_of(content, begin, len(content), implicit=implicit, bulk=BULK)
    return json.loads(text_of(texts))


def written(dataset, syntax=ExplicitVRLittleEndian):
    buffer = BytesIO()
    dataset.file_meta.TransferSyntaxUID = syntax
    implicit = syntax == ImplicitVRLittleEndian
    little = syntax != ExplicitVRBigEndian
    dataset.save_as(buffer, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    return buffer.getvalue()


def files():
    """Files with a file meta information that names their transfer syntax."""
    for path in sorted(p for p in SHIPPED.rglob("*") if p.suffix in {"", ".dcm"} and p.is_file()):
        content = path.read_bytes()
        if content[128:132] == b"DICM" and b"\x02\x00\x10\x00UI" in content[:1024]:
            yield content


@pytest.mark.filterwarnings("ignore")
def test_the_files_that_pydicom_brings_are_told_alike():
    quick, all_files = 0, list(files())
    assert len(all_files) > 50
    for content in all_files:
        try:
            found = quickly(content)
        except UnusualError:
            continue
        assert found == by_pydicom(content)
        quick += 1
    assert quick > len(all_files) * 0.8


def test_the_files_of_scanners_are_told_alike_and_as_pydicom_tells_them():
    paths = sorted(SAMPLES.rglob("*.dcm"))
    if not paths:
        pytest.skip("SCANHUB_SAMPLES names no folder of sample data")
    for path in paths[::10]:  # those of a series are much alike
        content = path.read_bytes()
        found = quickly(content)
        assert found == by_pydicom(content)
        own = read(content).to_json_dict(bulk_data_threshold=10**9)
        assert found.keys() == {tag for tag in own if tag[4:] != "0000"}
        for tag, element in found.items():
            if "BulkDataURI" not in element and element["vr"] != "SQ":
                values = own[tag].get("Value", [])
                # A value that is missing among others is null (PS3.18 F.2.5).
                assert element.get("Value", []) == [None if v == "" else v for v in values], tag


def rich():
    """An image with private and nested elements, names in two character sets, odd numbers."""
    dataset = instance(1)
    dataset.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    dataset.PatientName = "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    dataset.ImagePositionPatient = [-1.5, 0.0, 1e-05]
    dataset.SliceLocation, dataset.StudyDescription = "", 'a "quoted" \\ text'
    dataset.ImageComments = "Two\r\nlines"
    dataset.add_new(0x00189087, "FD", [700.5, float("inf")])
    dataset.SmallestImagePixelValue = 7
    dataset.add_new(0x00110010, "LO", "ACME 1.0")
    dataset.add_new(0x00111001, "OB", b"\x00\x01" * 40)
    dataset.add_new(0x00111002, "OB", b"x" * 3000)
    dataset.add_new(0x00111003, "UN", b"12345678")
    code = Dataset()
    code.CodeValue, code.CodeMeaning = "T-1", "Head"
    code.SpecificCharacterSet, code.PatientName = "ISO_IR 100", "B\u00f6ll"
    long = Dataset()
    long.ImageComments = "x" * 400
    long.ReferencedImageSequence = Sequence([code, Dataset()])
    long.add_new(0x00111002, "OB", b"y" * 2000)
    dataset.ReferencedImageSequence = Sequence([code])
    dataset.RequestAttributesSequence = Sequence([long, code])
    dataset.ProcedureCodeSequence = Sequence([])
    return dataset


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_what_is_nested_private_or_in_another_character_set_is_told_alike(syntax, undefined):
    dataset = rich()
    for element in dataset:
        if element.VR == "SQ":
            element.is_undefined_length = undefined
            for item in element.value:
                item.is_undefined_length_sequence_item = undefined
    content = written(dataset, syntax)
    found = quickly(content)
    assert found == by_pydicom(content)
    assert found["00100010"]["Value"][0]["Ideographic"] == "\u5c71\u7530^\u592a\u90ce"
    assert found["00400275"]["Value"][0]["00111002"] == (
        {"vr": "OB", "BulkDataURI": f"{BULK}00400275/0/00111002"}
        if syntax == ExplicitVRLittleEndian
        else by_pydicom(content)["00400275"]["Value"][0]["00111002"]
    )
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_metadata_are_complete_whoever_writes_them(tmp_path, syntax):
    path = tmp_path / "1.dcm"
    path.write_bytes(written(instance(1), syntax))
    found = json.loads(metadata_of(Stored(path, syntax, BULK)))
    assert found["7FE00010"] == {"vr": "OW", "BulkDataURI": f"{BULK}7FE00010"}
    assert (found["00083002"]["Value"], found["00280010"]["Value"]) == ([syntax], [16])


@pytest.mark.parametrize("pixels", [False, True])
def test_a_header_longer_than_what_is_read_first_is_told_whole(tmp_path, pixels):
    dataset = instance(1)
    dataset.add_new(0x00110010, "LO", "ACME 1.0")
    dataset.add_new(0x00111001, "OB", b"x" * 100_000)
    if not pixels:
        del dataset.PixelData
    path = tmp_path / "1.dcm"
    path.write_bytes(written(dataset))
    found = json.loads(metadata_of(Stored(path, ExplicitVRLittleEndian, BULK)))
    assert found["00111001"] == {"vr": "OB", "BulkDataURI": f"{BULK}00111001"}
    assert (found["00280010"]["Value"], "7FE00010" in found) == ([16], pixels)


def test_deep_sequences_are_left_to_pydicom():
    dataset = inner = instance(1)
    for _ in range(40):
        item = Dataset()
        item.ImageComments = "x" * 300
        inner.ReferencedImageSequence = Sequence([item])
        inner = item
    content = written(dataset)
    with pytest.raises(UnusualError):
        quickly(content)
