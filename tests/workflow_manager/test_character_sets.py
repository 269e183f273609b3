"""Names in other alphabets are decoded as PS3.5 annexes H to K write them."""

from io import BytesIO

import pytest
from images import instance

from workflow_manager.dicom.part10 import read_header

NAMES = [
    ("ISO_IR 100", "Müller^Zoë".encode("latin-1"), "Müller^Zoë"),
    ("ISO_IR 126", "Διονυσιος".encode("iso-8859-7"), "Διονυσιος"),
    ("ISO_IR 144", "Дни".encode("iso-8859-5"), "Дни"),
    ("ISO_IR 192", "Wang^XiaoDong=王^小東".encode(), "Wang^XiaoDong=王^小東"),
    ("GB18030", "Wang^XiaoDong=王^小东".encode("gb18030"), "Wang^XiaoDong=王^小东"),
    (
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    (
        "\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    ("\\ISO 2022 IR 58", b"Zhang^Sun=\x1b$)A\xd5\xc5^\x1b$)A\xcb\xef", "Zhang^Sun=张^孙"),
]


def written(charset, raw):
    """A file whose name is these bytes; they are put in, not encoded by the library that reads."""
    raw += b" " * (len(raw) % 2)
    dataset = instance(1)
    dataset.SpecificCharacterSet = charset.split("\\")
    dataset.PatientName = "@" * len(raw)
    target = BytesIO()
    dataset.save_as(target, enforce_file_format=True)
    return target.getvalue().replace(b"@" * len(raw), raw)


@pytest.mark.parametrize(("charset", "raw", "name"), NAMES, ids=[name[0] for name in NAMES])
def test_a_name_is_decoded(charset, raw, name):
    data = written(charset, raw)
    assert raw in data
    assert read_header(data).tags["PatientName"].strip() == name


@pytest.mark.filterwarnings("ignore:Failed to decode", "ignore:Unknown encoding")
def test_bytes_that_no_character_set_has_cost_no_image():
    header = read_header(written("ISO_IR 192", b"M\xfcller^Zo\xeb"))
    assert "ller" in header.tags["PatientName"]
    unknown = read_header(written("ISO_IR 999", b"Doe^Jane"))
    assert unknown.tags["PatientName"] == "Doe^Jane"
