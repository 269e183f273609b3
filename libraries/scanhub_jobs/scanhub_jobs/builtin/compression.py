"""The jobs `compress` and `decompress`: other encodings of the same pixels."""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from scanhub_jobs.declaring import Skip, job
from scanhub_jobs.errors import JobInputError
from scanhub_jobs.images.series import Series
from scanhub_jobs.job_context import JobContext
from scanhub_jobs.making.files import dicom_bytes, file_meta
from scanhub_jobs.parameters import JobParameters

_SYNTAXES = {"jpeg-ls": JPEGLSLossless, "rle": RLELossless, "jpeg-2000": JPEG2000Lossless}
_NOT_CODED = (RuntimeError, ValueError, NotImplementedError, AttributeError)


class Decompression(JobParameters):
    """What `decompress` can be told."""

    into: Literal["files", "archive"] = Field(
        "files",
        title="Result",
        description="Files of the job, with the UIDs as they are; or a new series in the archive",
    )


class Compression(Decompression):
    """What `compress` can be told."""

    encoding: Literal["jpeg-ls", "rle", "jpeg-2000"] = Field(
        "jpeg-ls",
        title="Encoding",
        description="JPEG-LS (small and quick), RLE (every node reads it) or JPEG 2000; all three "
        "without loss",
    )


@job("compress", version="1.0.0", timeout="1h")
def compress(ctx: JobContext[Compression]) -> dict[str, Any]:
    """Compress the images of a series without loss."""
    syntax = _SYNTAXES[ctx.params.encoding]

    def encode(dataset: Dataset) -> Dataset:
        plain = _plain(dataset)
        plain.compress(syntax, generate_instance_uid=False)
        return plain

    return _recode(ctx, encode, syntax)


@job("decompress", version="1.0.0", timeout="1h")
def decompress(ctx: JobContext[Decompression]) -> dict[str, Any]:
    """Decompress the images of a series; native encoding, little endian, explicit VR."""
    return _recode(ctx, _plain, ExplicitVRLittleEndian)


def _plain(dataset: Dataset) -> Dataset:
    """Decompress a data set, which is nobody else's."""
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        dataset.decompress(generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def _recode(
    ctx: JobContext[Any], change: Callable[[Dataset], Dataset], syntax: UID
) -> dict[str, Any]:
    before = after = 0
    made: list[Dataset] = []
    for number, dataset in enumerate(ctx.series.datasets(), start=1):
        ctx.check_cancelled()
        ctx.progress(number / (len(ctx.series) + 1), f"image {number}")
        try:
            before += len(dataset.PixelData)
            recoded = change(dataset)
        except _NOT_CODED as error:
            why = " ".join(str(error).split())
            raise JobInputError(
                f"Image {number} cannot be coded as {syntax.name}: {why} (Decoders and encoders "
                "come with scanhub-jobs[codecs].)"
            ) from error
        recoded.file_meta = file_meta(recoded, syntax)
        after += len(recoded.PixelData)
        if ctx.params.into == "archive":
            made.append(recoded)
        else:
            _put(ctx, f"{number:06d}.dcm", recoded)
    if made:
        _keep(ctx, made, syntax)
    ratio = round(before / after, 3) if after else 1.0
    return {"images": len(ctx.series), "transfer_syntax": str(syntax), "ratio": ratio}


def _put(ctx: JobContext[Any], name: str, dataset: Dataset) -> None:
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    meta = {"sop_instance_uid": str(dataset.SOPInstanceUID), "transfer_syntax": syntax}
    ctx.files.put(name, dicom_bytes(dataset), content_type="application/dicom", meta=meta)


def _keep(ctx: JobContext[Any], made: list[Dataset], syntax: UID) -> None:
    """Hand the images to the archive as a series of its own.

    Their pixels are those of the source: ImageType says no more than it did.
    """
    words = f"{made[0].get('SeriesDescription') or ''} {syntax.name}".strip()
    derived = ctx.dicom.derive(made, like=ctx.series, description=words)
    for new, old in zip(derived, made, strict=True):
        new.ImageType = list(old.get("ImageType") or ()) or None
    ctx.keep(derived)


@compress.when
def _can_be_compressed(series: Series, params: Compression) -> bool | Skip:
    if not _has_pixels(series):
        return Skip(reason="The series has no pixels that could be compressed.")
    wanted = str(_SYNTAXES[params.encoding])
    if all(i.transfer_syntax_uid == wanted for i in series.instances):
        return Skip(reason=f"All images are {UID(wanted).name} already.")
    return True


@decompress.when
def _can_be_decompressed(series: Series, _params: Decompression) -> bool | Skip:
    if any(UID(i.transfer_syntax_uid).is_compressed for i in series.instances):
        return True
    return Skip(reason="No image of the series is compressed.")


def _has_pixels(series: Series) -> bool:
    header = series.headers()[0]
    return "Rows" in header and "BitsAllocated" in header
