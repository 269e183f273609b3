"""Orthanc, which others view images with, opens what jobs make: the same pixels, one patient."""

import io

import numpy as np
import pytest
from dicom_nodes import peer_at
from orthanc_beside import orthanc
from series_files import STUDY, image, series

from scanhub_jobs import JobContext

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def made_by(ctx):
    """Return the objects of each kind."""
    nifti = ctx.series.to_nifti().primary().load()
    values, affine = np.asanyarray(nifti.dataobj), nifti.affine
    labels = (values > np.median(values)).astype(np.uint8)
    kinds = {"mr": values, "enhanced-mr": values, "sc": values, "seg": labels, "pm": values / 7}
    made = {
        kind: ctx.dicom.from_nifti((array, affine), like=ctx.series, kind=kind)
        for kind, array in kinds.items()
    }
    made["derived"] = ctx.dicom.derive(ctx.series.datasets(), like=image(), description="again")
    made["pdf"] = [ctx.dicom.from_pdf(PDF, like=ctx.series, title="Report")]
    return made


def pixels_of(dataset):
    """Return the values of an object, by frame."""
    array = np.asarray(dataset.pixel_array, float)
    slope = float(dataset.get("RescaleSlope", 1.0) or 1.0)
    values = array * slope + float(dataset.get("RescaleIntercept", 0.0) or 0.0)
    return values.reshape(-1, dataset.Rows, dataset.Columns)


@pytest.mark.long
def test_orthanc_opens_what_a_job_makes(tmp_path):
    ctx = JobContext.local(series(tmp_path / "dicom"), out=tmp_path / "out")
    made = made_by(ctx)
    every = [dataset for datasets in made.values() for dataset in datasets]
    with orthanc(tmp_path / "orthanc") as (port, web):
        peer_at(port, ae_title="ORTHANC").send(every).raise_for_failures()
        assert len(web.get("/instances").json()) == len(every)
        assert len(web.get("/patients").json()) == 1
        for kind, datasets in made.items():
            for dataset in datasets:
                found = web.post("/tools/lookup", content=str(dataset.SOPInstanceUID)).json()
                (place,) = [one["Path"] for one in found if one["Type"] == "Instance"]
                tags = web.get(f"{place}/simplified-tags").json()
                told = (tags["PatientName"], tags["PatientID"], tags["StudyInstanceUID"])
                assert told == ("Müller^Zoë", "P-1", STUDY), kind
                if kind == "pdf":
                    assert web.get(f"{place}/pdf").content.rstrip(b"\0") == PDF
                    continue
                frames = web.get(f"{place}/frames").json()
                assert len(frames) == int(dataset.get("NumberOfFrames", 1)), kind
                if kind in {"mr", "derived", "sc"}:
                    answer = web.get(f"{place}/numpy").raise_for_status()
                    seen = np.load(io.BytesIO(answer.content))[..., 0]
                    assert np.allclose(seen, pixels_of(dataset), atol=1e-3), kind
