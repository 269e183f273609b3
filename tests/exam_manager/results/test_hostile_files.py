"""Files that somebody made to read what is not theirs, or to fill the memory."""

import io
import zlib

import h5py
import numpy as np
import pydicom
import pytest
from dicom_files import dicom
from ismrmrd.hdf5 import acquisition_dtype
from mrd_files import header, noise, readout, write
from pydicom.uid import DeflatedExplicitVRLittleEndian

EXAM = "/api/v1/exam"
SECRET = b"-----BEGIN PRIVATE KEY-----" * 100
FLAT = np.dtype([("head", acquisition_dtype["head"]), ("data", "<f4", (16,))])


def samples_of(path, target):
    """Readouts whose bytes lie in another file."""
    with h5py.File(target, "w") as file:
        group = file.create_group("dataset")
        group.create_dataset("xml", data=[header()])
        group.create_dataset("data", (4,), FLAT, external=[(str(path), 0, 4 * FLAT.itemsize)])


def link_to(path, target):
    """All of another file, by a link."""
    with h5py.File(target, "w") as file:
        file["dataset"] = h5py.ExternalLink(str(path), "/dataset")


def link_to_data(path, target):
    with h5py.File(target, "w") as file:
        file.create_group("dataset")["data"] = h5py.ExternalLink(str(path), "/dataset/data")


def virtual(path, target):
    """Readouts put together from another file."""
    with h5py.File(target, "w") as file:
        layout = h5py.VirtualLayout((4,), FLAT)
        layout[:] = h5py.VirtualSource(str(path), "/dataset/data", (4,), FLAT)
        file.create_group("dataset").create_virtual_dataset("data", layout)


def header_of(path, target):
    """A header whose text lies in another file."""
    write(target, [readout(noise(n, 1, 8), kspace_encode_step_1=n) for n in range(4)], xml="")
    with h5py.File(target, "a") as file:
        file["dataset"].create_dataset("xml", (1,), "S200", external=[(str(path), 0, 200)])


@pytest.mark.parametrize("make", [samples_of, link_to, link_to_data, virtual, header_of])
async def test_raw_data_that_point_out_of_the_file_are_refused(platform, store, tmp_path, make):
    other = tmp_path / "secret"
    other.write_bytes(SECRET)
    if make in (link_to, link_to_data, virtual):
        with h5py.File(other, "w") as file:
            group = file.create_group("dataset")
            group.create_dataset("data", data=np.zeros(4, FLAT))
    make(other, tmp_path / "a.mrd")
    _, place = await store({"a.mrd": tmp_path / "a.mrd"})
    asked = ["kspace"] if make is header_of else ["meta", "data?ids=0", "kspace"]
    for what in asked:
        refused = await platform.call("GET", f"{EXAM}/mrd/{place}/{what}", expect=422)
        assert "another file" in refused.json()["detail"]
        assert b"PRIVATE" not in refused.content


async def test_a_readout_that_fills_the_memory_is_refused_before_it_is_read(
    platform, store, tmp_path
):
    vast = readout(noise(1, 1, 8))
    vast["head"]["number_of_samples"] = vast["head"]["active_channels"] = 65535
    _, place = await store({"a.mrd": write(tmp_path / "a.mrd", [vast])})
    for what in ("data?ids=0&stride=65535", "kspace"):
        refused = await platform.call("GET", f"{EXAM}/mrd/{place}/{what}", expect=413)
        assert "32 GiB" in refused.json()["detail"]


def bomb() -> bytes:
    """A deflated DICOM file of a few MiB that has several GiB."""
    image = pydicom.dcmread(io.BytesIO(dicom()))
    image.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    del image.PixelData
    file = io.BytesIO()
    image.save_as(file, enforce_file_format=True)
    begin = file.getvalue()
    press = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    zeros = press.compress(bytes(64 * 2**20)) + press.flush()
    return begin[: begin.rindex(b"DICM") + 300] + zeros


async def test_a_deflated_image_is_not_blown_up_to_be_sent(platform, store):
    platform.app.state.settings = platform.app.state.settings.model_copy(
        update={"xnat_url": "http://127.0.0.1:9", "xnat_user": "u", "xnat_project": "P",
                "xnat_password": platform.app.state.settings.service_secrets["device-manager"]}
    )  # fmt: skip
    _, place = await store({"a.dcm": bomb()}, "DICOM")
    refused = await platform.call("POST", f"{EXAM}/xnat/upload/{place}/a.dcm", expect=422)
    assert "deflated" in refused.json()["detail"]
