"""JPEG-LS Lossless for pydicom, by GDCM, which decodes it here already.

pydicom calls `encode_frame` for each frame of an image (its interface of encoder plugins), gdcm
does the work with CharLS. Whoever encodes compares what comes out, pixel by pixel.
"""

import gdcm  # type: ignore[import-untyped]  # made by SWIG
from pydicom.pixels.encoders.base import EncodeRunner, JPEGLSLosslessEncoder
from pydicom.uid import JPEGLSLossless

ENCODER_DEPENDENCIES = {JPEGLSLossless: ("python-gdcm>=3.2",)}
LABEL = "scanhub-gdcm"
_PIXEL_DATA = (0x7FE0, 0x0010)
_MOST_BITS = 16  # PS3.5 section 8.2.3


def register() -> None:
    """Let pydicom encode with it; doing it twice changes nothing."""
    if LABEL not in JPEGLSLosslessEncoder.available_plugins:
        JPEGLSLosslessEncoder.add_plugin(LABEL, (__name__, "encode_frame"))


def is_available(uid: str) -> bool:
    """Say whether images can be encoded so; pydicom asks."""
    return uid == JPEGLSLossless


def encode_frame(source: bytes, runner: EncodeRunner) -> bytes:
    """Return a frame as a JPEG-LS codestream.

    Args:
        source: The samples, little endian, those of a pixel side by side.
        runner: What pydicom knows of the image.

    Raises:
        ValueError: GDCM has no such encoding for it.
    """
    if runner.bits_allocated > _MOST_BITS:
        raise ValueError(f"JPEG-LS has no more than {_MOST_BITS} bits a sample")
    writer = gdcm.ImageWriter()  # owns the image
    image = writer.GetImage()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((runner.columns, runner.rows, 1))
    colours = gdcm.PhotometricInterpretation.GetPIType(str(runner.photometric_interpretation))
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(colours))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ExplicitVRLittleEndian))
    stored = runner.bits_stored
    image.SetPixelFormat(
        gdcm.PixelFormat(
            runner.samples_per_pixel,
            runner.bits_allocated,
            stored,
            stored - 1,
            runner.pixel_representation,
        )
    )
    if runner.samples_per_pixel > 1:
        image.SetPlanarConfiguration(0)
    element = gdcm.DataElement(gdcm.Tag(*_PIXEL_DATA))
    element.SetByteStringValue(source)
    image.SetDataElement(element)
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLSLossless))
    change.SetInput(image)
    if not change.Change():
        raise ValueError("GDCM cannot encode it as JPEG-LS")
    fragments = change.GetOutput().GetDataElement().GetSequenceOfFragments()
    if fragments is None or fragments.GetNumberOfFragments() != 1:
        raise ValueError("GDCM made something else of it than one codestream")
    text: str = fragments.GetFragment(0).GetByteValue().GetBuffer()
    return text.encode("utf-8", "surrogateescape")  # how gdcm hands bytes over
