"""Which elements of the reference go into what is made of it."""

import numpy as np
import pytest
from programs_of_dicom import checked
from series_files import image, series

from scanhub_jobs import JobContext
from scanhub_jobs.errors import ParameterError
from scanhub_jobs.making.tag_policy import NEVER_COPIED, TagPolicy

PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


@pytest.fixture
def ctx(tmp_path):
    folder = series(tmp_path / "dicom", 2, ImageComments="seen", OperatorsName="Who^Scanned")
    return JobContext.local(folder, out=tmp_path / "out")


def bare(number):
    """An image that a job made, which says nothing of how it was acquired."""
    lost = ("EchoTime", "RepetitionTime", "EchoTrainLength", "FrameOfReferenceUID", "PixelSpacing")
    return image(number, **dict.fromkeys(lost))


def test_a_policy_names_modules_and_what_an_object_is_itself_never_goes_over(ctx):
    def made(copy):
        return ctx.dicom.derive([bare(1), bare(2)], like=ctx.series, copy=copy)

    assert "EchoTime" not in made(TagPolicy.NONE)[0]
    (first, second) = made(TagPolicy.ACQUISITION | TagPolicy.GEOMETRY)
    assert (first.EchoTime, first.PixelSpacing) == (12.5, [3, 2])
    assert first.ImagePositionPatient != second.ImagePositionPatient
    assert "ImageComments" not in first
    everything, _ = made(TagPolicy.ALL - ["OperatorsName"])
    assert everything.ImageComments == "seen"
    assert "OperatorsName" not in everything
    assert everything.SOPInstanceUID != image(1).SOPInstanceUID
    again, _ = made((TagPolicy.ALL - ["OperatorsName"]) | TagPolicy.REQUEST)
    assert again.OperatorsName == "Who^Scanned"
    assert not TagPolicy.ALL.chosen(image(1)) & NEVER_COPIED


def test_what_a_job_made_of_voxels_stays_and_the_rest_is_added(ctx, tmp_path):
    voxels = (np.arange(8.0).reshape(2, 2, 2), np.diag([4.0, 4, 4, 1]))
    mr = ctx.dicom.from_nifti(voxels, like=ctx.series, copy=TagPolicy.ALL)
    assert mr[0].PixelSpacing == [4, 4]
    assert (mr[0].ImageComments, mr[0].Rows) == ("seen", 2)
    checked(mr, tmp_path / "check", "MRImage")
    pdf = ctx.dicom.from_pdf(PDF, like=ctx.series, copy=TagPolicy.REQUEST)
    assert pdf.OperatorsName == "Who^Scanned"
    picture = ctx.dicom.from_image(np.zeros((2, 2), np.uint8), like=ctx.series, copy=["StudyID"])
    assert picture.StudyID == "S-1"


def test_a_policy_of_ones_own_has_keywords_of_dicom():
    with pytest.raises(ParameterError, match="EchoTyme: there is no such keyword"):
        TagPolicy.of("EchoTime", "EchoTyme")
    policy = TagPolicy.of("EchoTime", "KVP") - ["KVP"] | ["FlipAngle"]
    assert policy.chosen(image()) == {"EchoTime", "FlipAngle"}
