"""Headers of files as scanners and attackers write them."""

import zlib

import pydicom
import pytest
from images import instance, write_instance
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from workflow_manager.dicom.part10 import read_header
from workflow_manager.dicom.rules import NotStorableError


def deflated(tmp_path, dataset):
    path = tmp_path / "deflated.dcm"
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_a_deflated_header_is_read(tmp_path):
    plain = read_header(write_instance(tmp_path, 1))
    header = read_header(deflated(tmp_path, instance(1)))
    assert header.tags == plain.tags
    assert header.transfer_syntax_uid == DeflatedExplicitVRLittleEndian


@pytest.mark.parametrize("where", ["before the pixels", "in the pixels"])
def test_what_inflates_to_gigabytes_costs_a_few_megabytes(tmp_path, where):
    path = deflated(tmp_path, instance(1))
    content = path.read_bytes()
    start = 144 + int.from_bytes(content[140:144], "little")
    header = zlib.decompress(content[start:], -15)
    header = header[: header.index(b"\xe0\x7f\x10\x00")]
    element = b"\x11\x00\x10\x10OB" if where == "before the pixels" else b"\xe0\x7f\x10\x00OW"
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = deflate.compress(header + element + b"\x00\x00" + (2**31).to_bytes(4, "little"))
    zeros = bytes(2**24)
    bomb += b"".join(deflate.compress(zeros) for _ in range(8)) + deflate.flush()
    path.write_bytes(content[:start] + bomb)
    if where == "in the pixels":
        assert read_header(path).sop_instance_uid.endswith(".1")
    else:
        with pytest.raises(NotStorableError, match=r"inflates|parsed"):
            read_header(path)


def test_big_endian_is_read(tmp_path):
    dataset = instance(3)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    path = tmp_path / "big.dcm"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    header = read_header(path)
    assert (header.tags["Rows"], header.number("InstanceNumber")) == (16, 3)
