"""Jobs between DICOM and NIfTI."""

from typing import Any, Literal

from pydantic import Field

from scanhub_jobs.declaring import Skip, job
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.images.nifti import NiftiFile
from scanhub_jobs.images.series import Series
from scanhub_jobs.job_context import JobContext
from scanhub_jobs.parameters import JobParameters


class ToNifti(JobParameters):
    """What `dicom_to_nifti` can be told."""

    which: Literal["all", "primary"] = Field(
        "all",
        title="Outputs",
        description="All that dcm2niix makes of the series, or the one that is most likely meant: "
        "magnitude, first echo, most voxels",
    )
    sidecars: bool = Field(
        True,
        title="Sidecars",
        description="Also write what is known of the scan (BIDS JSON, without names), b-values and "
        "directions",
    )
    converter_timeout_s: float = Field(
        600.0,
        gt=0,
        le=86400,
        title="Time for the conversion",
        description="After which dcm2niix is given up",
        json_schema_extra={"unit": "s"},
    )


@job("dicom_to_nifti", version="1.0.0", timeout="1d")
def dicom_to_nifti(ctx: JobContext[ToNifti]) -> dict[str, Any]:
    """Convert a series to NIfTI with dcm2niix; the files are artifacts of the job."""
    found = ctx.series.to_nifti(timeout_s=ctx.params.converter_timeout_s)
    primary = found.primary()
    outputs = []
    for output in [primary] if ctx.params.which == "primary" else found:
        ctx.check_cancelled()
        outputs.append(_put(ctx, output))
    ctx.data["outputs"] = outputs
    ctx.data["primary"] = primary.path.name
    ctx.log.info("%d outputs of dcm2niix %s", len(outputs), found.version)
    return {"outputs": outputs, "primary": primary.path.name, "dcm2niix": found.version}


def _put(ctx: JobContext[ToNifti], output: NiftiFile) -> dict[str, Any]:
    about = {
        "file": output.path.name,
        "role": str(output.role),
        "echo": output.echo,
        "shape": list(output.shape),
    }
    ctx.files.put(output.path.name, output.path, content_type="application/gzip", meta=about)
    if ctx.params.sidecars:
        for beside in (output.sidecar, output.bval, output.bvec):
            if beside is not None:
                ctx.files.put(beside.name, beside)
    return about


class FromNifti(JobParameters):
    """What `nifti_to_dicom` can be told."""

    file: str = Field(
        "",
        max_length=200,
        title="File",
        description="Name of an output of dicom_to_nifti; empty: its primary one",
    )
    kind: Literal["mr", "enhanced-mr", "ct", "pm", "sc"] = Field(
        "mr",
        title="Kind",
        description="MR and CT images, an Enhanced MR object, a parametric map of floating point "
        "values, or grey pictures without a place",
    )
    description: str = Field(
        "", max_length=64, title="Series description", description="Empty: the source's own"
    )
    fill: float | None = Field(
        None,
        title="Fill value",
        description="What values that are no numbers become; none: they are an error",
    )


@job("nifti_to_dicom", version="1.0.0", needs=[dicom_to_nifti], timeout="1h")
def nifti_to_dicom(ctx: JobContext[FromNifti]) -> dict[str, Any]:
    """Make a DICOM series of a NIfTI file, in the study that it was made of."""
    source = ctx.upstream("dicom_to_nifti", series=ctx.series.uid)
    name = ctx.params.file or source.data["primary"]
    if name not in source.files:
        there = ", ".join(sorted(f for f in source.files if f.endswith(".nii.gz")))
        raise JobInputError(f"dicom_to_nifti left no file {name!r}; there are: {there}.")
    path = source.files.save(name, ctx.work / "image.nii.gz")
    made = ctx.dicom.from_nifti(
        path,
        like=ctx.series,
        kind=ctx.params.kind,
        description=ctx.params.description or ctx.series.metadata().series_description,
        fill=ctx.params.fill,
    )
    kept = ctx.keep(made)
    return {"images": len(kept), "series_instance_uid": str(made[0].SeriesInstanceUID)}


@dicom_to_nifti.when
def _has_pixels(series: Series, _params: ToNifti) -> bool | Skip:
    header = series.headers()[0]
    return True if "Rows" in header else Skip(reason="The series has no pixels.")
