"""The quick reading of a header says what pydicom says, or leaves it to pydicom."""

import math
import os
import warnings
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from images import instance
from pydicom.dataset import Dataset
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from workflow_manager.dicom.incoming import (
    HEAD_BYTES,
    Durability,
    IncomingFolder,
    Peer,
    file_meta,
)
from workflow_manager.dicom.part10 import read_head, read_header, read_received
from workflow_manager.dicom.rules import NotStorableError
from workflow_manager.dicom.tags import KEPT_TAGS, UIDS, read_tags, tags_of
from workflow_manager.dicom.walk import UnusualError

SAMPLES = Path(os.environ.get("SCANHUB_SAMPLES", "absent")) / "dicom"
SHIPPED = Path(pydicom.__file__).parent / "data"
LITTLE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)


def encoded(dataset, syntax=ExplicitVRLittleEndian):
    buffer = pydicom.filebase.DicomBytesIO()
    buffer.is_implicit_VR = syntax == ImplicitVRLittleEndian
    buffer.is_little_endian = syntax != ExplicitVRBigEndian
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def received(folder, data, syntax=ExplicitVRLittleEndian, read_head=read_head):
    """A file as the listener writes it."""
    incoming = IncomingFolder(folder, Durability.UNSYNCED, read_head=read_head)
    peer = Peer("A", "B", "127.0.0.1")
    file = incoming.open(file_meta("1.2.840.10008.5.1.4.1.1.4", "1.2.3", syntax, peer), syntax)
    file.write(memoryview(data))
    return file.finish()


def quickly(data, syntax=ExplicitVRLittleEndian):
    _, tags = read_tags(data, 0, len(data), implicit=syntax == ImplicitVRLittleEndian)
    return tags


def assert_same(written, syntax):
    """The quick way and the thorough one end alike."""
    outcomes = []
    for read in (lambda: read_received(written, syntax), lambda: read_header(written.path)):
        try:
            outcomes.append(read())
        except NotStorableError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]
    return outcomes[0]


def data_set_and_syntax(path):
    """The data set of a file and how it is written; None for what no sender can send."""
    content = path.read_bytes()
    if content[128:132] != b"DICM" or content[132:140] != b"\x02\x00\x00\x00UL\x04\x00":
        return None
    meta = pydicom.filereader.read_file_meta_info(path)
    syntax = meta.get("TransferSyntaxUID")
    return syntax and (content[144 + meta.FileMetaInformationGroupLength :], str(syntax))


@pytest.mark.filterwarnings("ignore")
def test_the_files_that_pydicom_brings_are_read_alike(tmp_path):
    files = sorted(p for p in SHIPPED.rglob("*") if p.is_file() and p.suffix in {"", ".dcm"})
    tried = [found for p in files if (found := data_set_and_syntax(p))]
    assert len(tried) > 50
    quick = 0
    for data, syntax in tried:
        assert_same(received(tmp_path, data, syntax), syntax)
        try:
            quickly(data, syntax)
            quick += 1
        except UnusualError:
            continue
    assert quick > len(tried) * 0.8


def test_the_files_of_scanners_are_read_alike_and_quickly(tmp_path):
    files = sorted(SAMPLES.rglob("*.dcm"))
    if not files:
        pytest.skip("SCANHUB_SAMPLES names no folder of sample data")
    for path in files:
        data, syntax = data_set_and_syntax(path)
        header = assert_same(received(tmp_path, data, syntax), syntax)
        assert quickly(data, syntax) == header.tags


@pytest.mark.parametrize("syntax", LITTLE)
@pytest.mark.parametrize("missing", range(0, 10, 2))
def test_what_stands_behind_the_first_bytes_is_read_too(tmp_path, syntax, missing):
    """The first bytes end within the head of an element, or just in front of it."""
    dataset = instance()
    del dataset.PixelData
    dataset.add_new(0x00211010, "OB", b"")
    here = encoded(dataset, syntax).index(b"\x28\x00\x10\x00")
    dataset[0x00211010].value = bytes(HEAD_BYTES - here - missing)
    data = encoded(dataset, syntax)
    assert data.index(b"\x28\x00\x10\x00") == HEAD_BYTES - missing
    header = assert_same(received(tmp_path, data, syntax), syntax)
    assert header.tags["Rows"] == 16


@pytest.mark.parametrize("syntax", [*LITTLE, ExplicitVRBigEndian])
def test_each_way_to_write_a_data_set_is_read(tmp_path, syntax):
    dataset = rich()
    header = assert_same(received(tmp_path, encoded(dataset, syntax), syntax), syntax)
    assert header.tags["PatientName"] == "Doe^Jane"
    assert header.tags["ImagePositionPatient"] == [-1.5, 0.0, 1e-05]
    assert header.tags["ImageType"] == ["ORIGINAL", "PRIMARY"]
    assert header.tags["RequestAttributesSequence"] == [
        {"ScheduledProcedureStepID": "S1", "RequestedProcedureID": "R1"}
    ]
    if syntax in LITTLE:
        assert quickly(encoded(dataset, syntax), syntax) == header.tags


def rich(*, undefined=True):
    """An image with nested and private sequences, of undefined length or not."""
    dataset = instance(5, text="first line\r\nsecond\\line")
    inner, request, private = Dataset(), Dataset(), Dataset()
    inner.CodeValue, inner.CodeMeaning = "not of the image", "nor this"
    inner.PatientName = "Nobody"
    request.ScheduledProcedureStepID, request.RequestedProcedureID = "S1", "R1"
    request.ScheduledProtocolCodeSequence = [inner]
    dataset.RequestAttributesSequence = [request]
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.ImagePositionPatient = ["-1.5", "0", "1e-05"]
    dataset.SliceLocation, dataset.StationAETitle = " 7.25 ", " MR1 "
    private.add_new(0x00191010, "LO", "PRIVATE")
    private.add_new(0x00191001, "SQ", Sequence([inner]))
    dataset.add_new(0x00190010, "LO", "PRIVATE")
    dataset.add_new(0x00191002, "SQ", Sequence([private]))
    for element in dataset.iterall():
        if element.VR == "SQ":
            element.is_undefined_length = undefined
            for item in element.value:
                item.is_undefined_length_sequence_item = undefined
    return dataset


@pytest.mark.parametrize("syntax", LITTLE)
@pytest.mark.parametrize("undefined", [True, False])
def test_a_header_larger_than_what_is_kept_of_a_file_is_read_from_the_file(
    tmp_path, syntax, undefined
):
    dataset = rich(undefined=undefined)
    dataset.add_new(0x00091001, "OB", bytes(200_000))
    written = received(tmp_path, encoded(dataset, syntax), syntax)
    assert len(written.head) < 100_000
    header = assert_same(written, syntax)
    assert header.tags["SeriesDescription"] == "T2"


def test_what_is_written_otherwise_than_its_syntax_says_is_read_all_the_same(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for syntax, other in (LITTLE, LITTLE[::-1]):
            data = encoded(instance(1), other)
            with pytest.raises(UnusualError):
                quickly(data, syntax)
            assert assert_same(received(tmp_path, data, syntax), syntax).tags["Rows"] == 16


def test_deflated_data_sets_go_the_thorough_way(tmp_path):
    path = tmp_path / "deflated.dcm"
    dataset = instance(1)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    data, syntax = data_set_and_syntax(path)
    assert assert_same(received(tmp_path, data, syntax), syntax).number("InstanceNumber") == 1


@pytest.mark.parametrize("syntax", LITTLE)
def test_a_data_set_cut_anywhere_ends_as_pydicom_ends(tmp_path, syntax):
    data = encoded(rich(), syntax)
    data = data[: data.index(b"\xe0\x7f\x10\x00") + 40]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for end in range(0, len(data), 7):
            written = received(tmp_path, data[:end], syntax)
            assert_same(written, syntax)
            written.path.unlink()


def test_numbers_that_json_does_not_know_lose_no_image(tmp_path):
    for number, text in enumerate(("NaN", "1e400", "-inf")):
        data = encoded(instance(number))
        element = b"\x20\x00\x41\x10DS" + (len(text) + len(text) % 2).to_bytes(2, "little")
        place = data.index(b"\x28\x00\x02\x00US")
        data = data[:place] + element + text.encode() + b" " * (len(text) % 2) + data[place:]
        header = assert_same(received(tmp_path, data), ExplicitVRLittleEndian)
        assert isinstance(header.tags["SliceLocation"], str)


def test_no_kept_attribute_has_a_vr_that_depends_on_others():
    assert all("or" not in pydicom.datadict.dictionary_VR(keyword) for keyword in KEPT_TAGS)


ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
LATIN = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)
RAW = {
    "IS": st.one_of(
        st.integers(-(2**31), 2**31).map(str), st.sampled_from(["", " 1 ", "1.0", "x"])
    ),
    "DS": st.one_of(st.floats(width=32).map(str), ASCII),
    "US": st.binary(max_size=6),
    "UI": st.one_of(st.sampled_from(["1.2\0", "1.2 ", "", "1.2\\3.4"]), ASCII),
    "PN": LATIN,
}
ODD = st.one_of(
    ASCII, LATIN, st.sampled_from(["", " ", "a\\b", "\\", "a \\ b ", "x\0", "a\0b", "~"])
)


@st.composite
def data_sets(draw):
    """Kept attributes with values as they come, right or wrong, in the order of their tags."""
    chosen = draw(st.lists(st.sampled_from(KEPT_TAGS[1:]), unique=True, max_size=12))
    values = {"SpecificCharacterSet": draw(st.sampled_from(["", "ISO_IR 100", "ISO_IR 192"]))}
    for keyword in chosen:
        values[keyword] = draw(RAW.get(pydicom.datadict.dictionary_VR(keyword), ODD))
    implicit = draw(st.booleans())
    elements = []
    for keyword, value in values.items():
        tag = pydicom.tag.Tag(keyword)
        raw = value if isinstance(value, bytes) else value.encode("latin-1")
        raw += b" " * (len(raw) % 2)
        vr = pydicom.datadict.dictionary_VR(keyword).encode()
        form = b"" if implicit else vr
        length = len(raw).to_bytes(2 if form and vr not in {b"UC", b"UT"} else 4, "little")
        head = tag.group.to_bytes(2, "little") + tag.element.to_bytes(2, "little") + form
        elements.append((int(tag), head + length + raw))
    return b"".join(element for _, element in sorted(elements)), implicit


@settings(max_examples=300, deadline=None)
@given(data_sets())
@pytest.mark.filterwarnings("ignore")
def test_whatever_values_come_the_quick_way_says_what_pydicom_says(made):
    data, implicit = made
    try:
        expected = from_pydicom(data, implicit=implicit)
    except Exception:  # noqa: BLE001 - then the quick way has to fail too, and pydicom is asked
        with pytest.raises(Exception):  # noqa: B017, PT011
            read_tags(data, 0, len(data), implicit=implicit)
        return
    try:
        uids, tags = read_tags(data, 0, len(data), implicit=implicit)
    except UnusualError:
        return
    assert {**uids, **tags} == expected
    assert all(math.isfinite(v) for v in tags.values() if isinstance(v, float))


def from_pydicom(data, *, implicit):
    dataset = pydicom.filereader.read_dataset(
        BytesIO(data), is_implicit_VR=implicit, is_little_endian=True
    )
    uids = {k: str(dataset[k].value) for k in UIDS if k in dataset and dataset[k].value}
    return {**uids, **tags_of(dataset)}


@pytest.mark.parametrize("early", [read_head, None], ids=["while it comes", "when it is whole"])
@pytest.mark.parametrize("left", [0, 2, 6])
@pytest.mark.parametrize("syntax", LITTLE, ids=["explicit", "implicit"])
def test_what_begins_behind_the_head_is_not_missed(tmp_path, syntax, left, early):
    """An element ends where the head does, or so near that no other one begins in it."""
    dataset = instance(1)
    dataset.PixelData = bytes(32_768)
    dataset.add_new(0x00210010, "LO", "TEST")
    dataset.add_new(0x00211001, "OB", b"")
    shortest = encoded(dataset, syntax).index(b"\x28\x00\x02\x00")  # Samples per Pixel follows
    dataset[0x00211001].value = bytes(HEAD_BYTES - left - shortest)
    data = encoded(dataset, syntax)
    written = received(tmp_path, data, syntax, early)
    assert written.found is None
    assert assert_same(written, syntax).tags["Rows"] == dataset.Rows


def test_a_head_is_read_while_the_rest_is_on_its_way(tmp_path):
    dataset = instance(1)
    dataset.PixelData = bytes(32_768)
    written = received(tmp_path, encoded(dataset))
    assert written.found[1]["Rows"] == dataset.Rows
    assert_same(written, ExplicitVRLittleEndian)
