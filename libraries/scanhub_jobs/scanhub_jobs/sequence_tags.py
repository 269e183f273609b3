"""The MR Image module (PS3.3 C.8.3.1) from what an ISMRMRD header states."""

from pydicom.dataset import Dataset

from scanhub_jobs.cartesian import Reconstruction
from scanhub_jobs.mrd_header import Header

# Words in ISMRMRD's free sequence type, and the ScanningSequence and SequenceVariant they mean.
_KINDS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("epi", "echoplanar"), "EP", "NONE"),
    (("tse", "fse", "rare", "turbospinecho", "fastspinecho"), "SE", "SK"),
    (("mprage", "inversion"), "GR", "MP"),
    (("flash", "spgr", "spoiled"), "GR", "SP"),
    (("ssfp", "fisp", "ffe"), "GR", "SS"),
    (("gre", "gradient"), "GR", "NONE"),
    (("spin", "se"), "SE", "NONE"),
)
_MAX_FIELD_STRENGTH_T = 30.0
_MAX_FREQUENCY_HZ = 2e9
_HYDROGEN_HZ_PER_T = 42.577478518e6
_POSITIONS = frozenset(("HFP", "HFS", "HFDR", "HFDL", "FFP", "FFS", "FFDR", "FFDL"))


def _set(dataset: Dataset, keyword: str, values: tuple[float, ...]) -> None:
    """Write the first of the values; empty when there is none (type 2)."""
    setattr(dataset, keyword, f"{values[0]:.10g}"[:16] if values else None)


def patient_position(header: Header, planned: str | None) -> tuple[str, str | None]:
    """Return Patient Position (PS3.3 C.7.3.1.1.2), and what is to be said if there is a doubt.

    The word of the raw data counts, for their directions are in the coordinates of the patient who
    lay so. Where they say none that DICOM knows, it is the plan's; without a plan HFS.

    Args:
        header: Of the raw data.
        planned: What the exam said when the scan was started.
    """
    stated = header.patient_position.upper()
    if stated not in _POSITIONS:
        return planned or "HFS", None
    if planned in {None, stated}:
        return stated, None
    return stated, (
        f"The scanner took the patient to lie {stated}, the exam says {planned}: sides, front and "
        "back, head and foot may be exchanged in these images"
    )


def describe_sequence(dataset: Dataset, reconstruction: Reconstruction) -> None:
    """Write timing, field and kind of the pulse sequence."""
    header = reconstruction.header
    kind = "".join(c for c in header.sequence_type.lower() if c.isalnum())
    scanning, variant = next(
        ((s, v) for words, s, v in _KINDS if any(word in kind for word in words)), ("RM", "NONE")
    )
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    dataset.ScanningSequence = scanning
    dataset.SequenceVariant = variant
    dataset.ScanOptions = ""
    dataset.MRAcquisitionType = "3D" if reconstruction.three_dimensional else "2D"
    _set(dataset, "RepetitionTime", header.repetition_times_ms)
    if header.inversion_times_ms:
        _set(dataset, "InversionTime", header.inversion_times_ms)
    if header.flip_angles_deg:
        _set(dataset, "FlipAngle", header.flip_angles_deg)
    dataset.EchoTrainLength = header.echo_train_length
    _describe_field(dataset, header)
    if header.sequence_name:
        dataset.SequenceName = header.sequence_name.replace("\\", " ")[:16]


def _describe_field(dataset: Dataset, header: Header) -> None:
    """Write field and frequency, unless the header holds a value that cannot be one."""
    dataset.ImagedNucleus = "1H"
    frequency, field = header.frequency_hz or 0.0, header.field_strength_t or 0.0
    if not 0 < frequency < _MAX_FREQUENCY_HZ:
        frequency = 0.0
    if not 0 < field < _MAX_FIELD_STRENGTH_T:
        field = frequency / _HYDROGEN_HZ_PER_T
    if frequency:
        _set(dataset, "ImagingFrequency", (frequency / 1e6,))
    if field:
        _set(dataset, "MagneticFieldStrength", (field,))
