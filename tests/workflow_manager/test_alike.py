"""What is read of a header that is like the one before is what is read of any."""

import random

import pytest
from images import SERIES, instance
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from workflow_manager.dicom import alike
from workflow_manager.dicom.alike import Likeness, read_like_before
from workflow_manager.dicom.incoming import HEAD_BYTES
from workflow_manager.dicom.tags import read_tags

ENDLESS = 2**62


def head(number, *, implicit=False, sequence=False, **changes):
    """The first bytes of an image as a scanner writes it; what differs in a series differs."""
    image = instance(number, size=64)
    image.InstanceNumber, image.SliceLocation = number, f"{number * 1.25 - 12}"
    image.ImagePositionPatient = [f"{number / 3:.4f}", "-10", f"{-number}"]
    image.add_new(0x00211010, "OB", bytes([number % 256, 7]))  # private, and in no index
    image.ImageType = ["ORIGINAL", "PRIMARY"]
    if sequence:
        item = Dataset()
        item.RequestedProcedureID, item.is_undefined_length_sequence_item = "P", True
        image.RequestAttributesSequence = [item]
        image["RequestAttributesSequence"].is_undefined_length = True
    for keyword, value in changes.items():
        if value is None:
            del image[keyword]
        else:
            setattr(image, keyword, value)
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, implicit
    write_dataset(buffer, image)
    return buffer.getvalue()[:HEAD_BYTES]


def outcome(read, data, implicit):
    try:
        uids, tags = read(data, implicit)
    except Exception as error:  # noqa: BLE001 - whatever it is, both have to raise it
        return type(error)
    return list(uids.items()), list(tags.items())


def as_any(data, implicit):
    return read_tags(data, 0, ENDLESS, implicit=implicit)


def as_before(data, implicit):
    return read_like_before(data, ENDLESS, implicit=implicit)


@pytest.fixture
def known(monkeypatch):
    """Count the headers that were known, in a thread that has seen none."""
    monkeypatch.setattr(alike, "_MEMORY", alike._Memory())
    found, read = [], Likeness.read

    def counted(self, data):
        tags = read(self, data)
        found.append(tags is not None)
        return tags

    monkeypatch.setattr(Likeness, "read", counted)
    return found


@pytest.mark.parametrize("sequence", [False, True])
@pytest.mark.parametrize("implicit", [False, True])
def test_images_of_a_series_are_read_as_any_and_mostly_known(known, implicit, sequence):
    for number in range(1, 130):
        data = head(number, implicit=implicit, sequence=sequence)
        assert outcome(as_before, data, implicit) == outcome(as_any, data, implicit)
    assert sum(known) > 120


def test_series_in_turn_are_known_each(known):
    for number in range(1, 30):
        for series in range(3):
            data = head(number, SeriesInstanceUID=f"{SERIES}.{series}", SeriesNumber=series)
            assert outcome(as_before, data, False) == outcome(as_any, data, False)
    assert sum(known) > 60


@pytest.mark.parametrize(
    "change",
    [
        {"SeriesDescription": "another"},
        {"SliceLocation": None},
        {"SliceLocation": ""},
        {"EchoTime": "3.5"},
        {"SpecificCharacterSet": "ISO_IR 192"},
        {"PatientName": "Dœ^Jane", "SpecificCharacterSet": "ISO_IR 192"},
        {"ImageType": ["DERIVED", "SECONDARY", "OTHER"]},
        {"SeriesInstanceUID": f"{SERIES}.9"},
        {"InstanceNumber": 123456},
        {"PixelData": None},
    ],
    ids=" ".join,
)
def test_what_differs_in_something_else_is_read_as_any(known, change):
    for number in range(1, 5):
        as_before(head(number), False)
    for number in range(5, 9):
        for data in (head(number, **change), head(number)):
            assert outcome(as_before, data, False) == outcome(as_any, data, False)
    assert any(known)


@pytest.mark.parametrize("implicit", [False, True])
def test_broken_headers_are_read_as_any(known, implicit):
    generator = random.Random(7)  # noqa: S311 - test data
    for number in range(1, 400):
        data = bytearray(head(number % 9, implicit=implicit))
        if number > 10:
            header = data.index(b"\xe0\x7f\x10\x00")
            for _ in range(generator.choice((0, 1, 1, 2))):
                data[generator.randrange(header + 12)] = generator.choice((0, 1, 2, 65, 255))
            if generator.random() < 0.2:
                del data[generator.randrange(len(data)) :]
        found = bytes(data)
        assert outcome(as_before, found, implicit) == outcome(as_any, found, implicit)
    assert any(known)
