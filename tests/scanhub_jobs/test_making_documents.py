"""Derived series, PDF and pictures: in the right study, with names as they were."""

import base64
import copy
import subprocess

import numpy as np
import pydicom
import pytest
from PIL import Image
from programs_of_dicom import checked, program
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage
from series_files import SERIES, STUDY, image, series

from scanhub_jobs import JobContext
from scanhub_jobs.errors import InvalidDocumentError, PixelValueError
from scanhub_jobs.making.files import save_dicom

PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return series(tmp_path_factory.mktemp("reference"), 2)


@pytest.fixture
def ctx(folder, tmp_path):
    return JobContext.local(folder, out=tmp_path / "out")


def read_back(dataset, tmp_path):
    save_dicom(dataset, tmp_path / "saved.dcm")
    return pydicom.dcmread(tmp_path / "saved.dcm")


@pytest.mark.parametrize("length", [0, 1])
def test_a_pdf_comes_out_of_the_object_as_it_went_in(ctx, tmp_path, length):
    content = PDF.replace(b"<<>>", b"<<>>" + b" " * length, 1)
    made = ctx.dicom.from_pdf(
        content, like=ctx.series, title="Report", concept=("18748-4", "LN", "x")
    )
    save_dicom(made, tmp_path / "a.dcm")
    subprocess.run(
        [program("dcm2pdf"), tmp_path / "a.dcm", tmp_path / "a.pdf"],
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "a.pdf").read_bytes() == content
    assert made.EncapsulatedDocumentLength == len(content)
    assert (made.Modality, made.DocumentTitle, made.BurnedInAnnotation) == ("DOC", "Report", "YES")
    assert (made.StudyInstanceUID, made.PatientID) == (STUDY, "P-1")
    assert len(made.SourceInstanceSequence) == 2
    checked([made], tmp_path / "check", "EncapsulatedPDF")


def test_what_is_no_pdf_is_refused(ctx, tmp_path):
    encoded = base64.b64encode(PDF)
    with pytest.raises(InvalidDocumentError, match="no PDF"):
        ctx.dicom.from_pdf(encoded, like=ctx.series)
    made = ctx.dicom.from_pdf(encoded, like=ctx.series, base64=True)
    assert made.EncapsulatedDocument[: len(PDF)] == PDF
    with pytest.raises(InvalidDocumentError, match="no base64"):
        ctx.dicom.from_pdf(b"\xff", like=ctx.series, base64=True)
    (tmp_path / "a.pdf").write_bytes(PDF)
    assert ctx.dicom.from_pdf(
        tmp_path / "a.pdf", like=ctx.series
    ).EncapsulatedDocumentLength == len(PDF)


def test_a_picture_becomes_a_secondary_capture(ctx, tmp_path):
    colours = np.zeros((5, 7, 3), np.uint8)
    colours[2, 3] = (255, 10, 0)
    made = ctx.dicom.from_image(colours, like=ctx.series, description="Snapshot")
    assert np.array_equal(read_back(made, tmp_path).pixel_array, colours)
    assert made.SeriesDescription == "Snapshot"
    checked([made], tmp_path / "check", "SCImage")
    Image.fromarray(colours).save(tmp_path / "p.png")
    from_file = ctx.dicom.from_image(tmp_path / "p.png", like=ctx.series)
    assert np.array_equal(from_file.pixel_array, colours)
    grey = ctx.dicom.from_image(Image.fromarray(colours[..., 0]), like=ctx.series, burned_in=False)
    assert (grey.pixel_array.max(), grey.BurnedInAnnotation) == (255, "NO")
    with pytest.raises(PixelValueError, match="8 bits"):
        ctx.dicom.from_image(np.zeros((2, 2)), like=ctx.series)
    (tmp_path / "no.png").write_bytes(b"no")
    with pytest.raises(InvalidDocumentError, match="no picture"):
        ctx.dicom.from_image(tmp_path / "no.png", like=ctx.series)


def test_a_derived_series_names_its_sources_and_leaves_the_originals_alone(ctx, tmp_path):
    originals = list(ctx.series.datasets())
    before = [copy.deepcopy(d) for d in originals]
    made = ctx.dicom.derive(originals, like=ctx.series, description="Denoised", number=77)
    assert originals == before
    assert {d.SeriesInstanceUID for d in made} != {SERIES}
    assert len({d.SOPInstanceUID for d in made}) == 2
    for dataset, original in zip(made, originals, strict=True):
        again = read_back(dataset, tmp_path)
        assert again.ImageType == ["DERIVED", "SECONDARY", "M", "NONE"]
        assert (again.SeriesNumber, again.SeriesDescription) == (77, "Denoised")
        assert [s.ReferencedSOPInstanceUID for s in again.SourceImageSequence] == [
            original.SOPInstanceUID
        ]
        assert np.array_equal(again.pixel_array, original.pixel_array)
        assert again.ImagePositionPatient == original.ImagePositionPatient
        assert again.PatientAge == "045Y"
        purposes = [
            e.PurposeOfReferenceCodeSequence[0].CodeValue
            for e in again.ContributingEquipmentSequence
        ]
        assert purposes == ["109101", "109102"]
        assert again.ContributingEquipmentSequence[0].ManufacturerModelName == "Bench"
        assert again.ManufacturerModelName == "local"
    checked(made, tmp_path / "check", "MRImage")


@pytest.mark.parametrize(
    ("name", "charset"),
    [
        ("Müller^Zoë", "ISO_IR 100"),
        ("Люксембург^Анна", "ISO_IR 144"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", ["", "ISO 2022 IR 87"]),
        ("Wang^XiaoDong=王^小东", "GB18030"),
        ("Ünï^Ço=名^前", "ISO_IR 192"),
    ],
)
def test_names_read_back_equal_whatever_their_character_set(tmp_path, name, charset):
    folder = series(
        tmp_path / "d",
        1,
        PatientName=name,
        SpecificCharacterSet=charset,
        ReferringPhysicianName="Rosa",
    )
    ctx = JobContext.local(folder)
    own = Dataset()
    own.SpecificCharacterSet, own.SOPClassUID, own.Modality = "ISO_IR 100", MRImageStorage, "MR"
    own.ImageComments = "größer"
    (derived,) = ctx.dicom.derive([own], like=ctx.series)
    made = [
        derived,
        ctx.dicom.from_pdf(PDF, like=ctx.series),
        *ctx.dicom.from_nifti((np.ones((2, 2, 1), np.uint8), np.eye(4)), like=ctx.series),
        *ctx.dicom.from_nifti(
            (np.ones((2, 2, 1), np.uint8), np.eye(4)), like=ctx.series, kind="seg"
        ),
    ]
    for dataset in made:
        again = read_back(dataset, tmp_path)
        assert str(again.PatientName) == name
        assert again.SpecificCharacterSet == "ISO_IR 192"
        dumped = subprocess.run(
            [program("dcmdump"), "-q", "+P", "PatientName", tmp_path / "saved.dcm"],
            check=True, capture_output=True,
        )  # fmt: skip
        assert name in dumped.stdout.decode()
    assert read_back(derived, tmp_path).ImageComments == "größer"


def test_a_reference_that_says_little_will_do(tmp_path):
    poor = image(
        SeriesNumber=None, ImageType=None, PatientBirthDate=None, PatientName=None,
        StudyDate=None, AccessionNumber=None, Manufacturer=None, FrameOfReferenceUID=None,
        SpecificCharacterSet=None, StudyID=None, PatientSex=None, ReferringPhysicianName=None,
    )  # fmt: skip
    ctx = JobContext.local(series(tmp_path / "d", 1))
    (made,) = ctx.dicom.derive([image(2)], like=poor)
    assert (made.SeriesNumber, made.PatientName) == (1, None)
    assert "PatientAge" not in made
    (mr,) = ctx.dicom.from_nifti((np.ones((2, 2, 1)), np.eye(4)), like=poor)
    assert mr.FrameOfReferenceUID.startswith("2.25.")
    for kind in ("seg", "pm", "sc", "enhanced-mr"):
        ctx.dicom.from_nifti((np.ones((2, 2, 1), np.uint8), np.eye(4)), like=poor, kind=kind)
    checked([mr], tmp_path / "check", "MRImage")


def test_groups_of_frames_are_never_copied_from_the_reference(ctx):
    like = image(ImageComments="from the reference")
    like.SharedFunctionalGroupsSequence = [Dataset()]
    wanted = ["SharedFunctionalGroupsSequence", "ImageComments", "SOPInstanceUID"]
    (made,) = ctx.dicom.derive([image(2)], like=like, copy=wanted)
    assert "SharedFunctionalGroupsSequence" not in made
    assert made.ImageComments == "from the reference"
    assert made.SOPInstanceUID != like.SOPInstanceUID
