"""Which elements of the reference go into what is made of it, beside patient and study.

Patient and study are always the reference's, and series, instance, pixels and multi-frame groups
never are: they say what an object is itself. What lies between is a policy's to choose. The named
ones are the modules of PS3.3, as far as they can be true of a derived image too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from scanhub_jobs.errors import ParameterError
from scanhub_jobs.images.identity import PATIENT, STUDY
from scanhub_jobs.making.head import copied, copy_elements
from scanhub_jobs.making.sources import same_place

NEVER_COPIED = frozenset(
    (
        "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID",
        "SeriesNumber", "SeriesDescription", "InstanceNumber", "Modality", "ImageType",
        "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "NumberOfFrames",
        "DimensionIndexSequence", "DimensionOrganizationSequence", "PixelData", "FloatPixelData",
        "DoubleFloatPixelData", "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation",
        "PlanarConfiguration", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
        "SmallestImagePixelValue", "LargestImagePixelValue", "PixelPaddingValue",
        "PixelPaddingRangeLimit", "LossyImageCompression", "LossyImageCompressionRatio",
        "LossyImageCompressionMethod", "IconImageSequence", "EncapsulatedDocument",
        "EncapsulatedDocumentLength", "ContentSequence", "SourceImageSequence",
        "DerivationDescription", "DerivationCodeSequence", "DigitalSignaturesSequence",
        "OriginalAttributesSequence",
    )
)  # fmt: skip
"""What says what an object is itself; no policy copies it."""

_ACQUISITION = (
    # General Acquisition (PS3.3 C.7.10.1) and General Series (C.7.3.1)
    "AcquisitionUID", "AcquisitionNumber", "AcquisitionDate", "AcquisitionTime",
    "AcquisitionDateTime", "AcquisitionDuration", "ProtocolName", "PatientPosition",
    "BodyPartExamined", "Laterality", "AnatomicRegionSequence",
    # MR Image (C.8.3.1)
    "ScanningSequence", "SequenceVariant", "ScanOptions", "MRAcquisitionType", "RepetitionTime",
    "EchoTime", "EchoNumbers", "EchoTrainLength", "InversionTime", "TriggerTime", "SequenceName",
    "AngioFlag", "NumberOfAverages", "ImagingFrequency", "ImagedNucleus", "MagneticFieldStrength",
    "NumberOfPhaseEncodingSteps", "PercentSampling", "PercentPhaseFieldOfView", "PixelBandwidth",
    "ReceiveCoilName", "TransmitCoilName", "AcquisitionMatrix", "InPlanePhaseEncodingDirection",
    "FlipAngle", "VariableFlipAngleFlag", "SAR", "dBdt", "HeartRate", "CardiacNumberOfImages",
    # CT Image (C.8.2.1)
    "KVP", "DataCollectionDiameter", "ReconstructionDiameter", "DistanceSourceToDetector",
    "DistanceSourceToPatient", "GantryDetectorTilt", "TableHeight", "RotationDirection",
    "ExposureTime", "XRayTubeCurrent", "Exposure", "FilterType", "GeneratorPower", "FocalSpots",
    "ConvolutionKernel", "RevolutionTime", "SpiralPitchFactor", "CTDIvol",
)  # fmt: skip
_CONTRAST = (  # Contrast/Bolus (C.7.6.4)
    "ContrastBolusAgent", "ContrastBolusAgentSequence", "ContrastBolusRoute",
    "ContrastBolusAdministrationRouteSequence", "ContrastBolusVolume", "ContrastBolusStartTime",
    "ContrastBolusStopTime", "ContrastBolusTotalDose", "ContrastFlowRate", "ContrastFlowDuration",
    "ContrastBolusIngredient", "ContrastBolusIngredientConcentration",
)  # fmt: skip
_GEOMETRY = (  # Frame of Reference (C.7.4.1) and Image Plane (C.7.6.2)
    "FrameOfReferenceUID", "PositionReferenceIndicator", "ImagePositionPatient",
    "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices",
    "SliceLocation",
)  # fmt: skip
_DISPLAY = (  # VOI LUT (C.11.2); Modality LUT (C.11.1) goes with the pixels
    "WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction",
    "VOILUTSequence", "PresentationLUTShape",
)  # fmt: skip
_REQUEST = (  # General Series (C.7.3.1): what was asked for, and what was performed
    "RequestAttributesSequence", "PerformedProcedureStepID", "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime", "PerformedProcedureStepDescription",
    "PerformedProtocolCodeSequence", "ReferencedPerformedProcedureStepSequence",
    "PerformingPhysicianName", "OperatorsName",
)  # fmt: skip


@dataclass(frozen=True)
class TagPolicy:
    """Keywords to copy from the reference; policies are added with `|` and narrowed with `-`."""

    keywords: frozenset[str] = frozenset()
    everything: bool = False
    """All elements of the reference that may be copied, private ones not"""
    without: frozenset[str] = frozenset()

    NONE: ClassVar["TagPolicy"]
    """Patient and study only"""
    ACQUISITION: ClassVar["TagPolicy"]
    """How the source was acquired: General Acquisition, MR Image, CT Image"""
    CONTRAST: ClassVar["TagPolicy"]
    """Contrast/Bolus"""
    GEOMETRY: ClassVar["TagPolicy"]
    """Frame of Reference and Image Plane, for results that lie where the source does"""
    DISPLAY: ClassVar["TagPolicy"]
    """VOI LUT, for results with values like the source's"""
    REQUEST: ClassVar["TagPolicy"]
    """What was asked for and performed; names of staff are in it"""
    ALL: ClassVar["TagPolicy"]
    """All but what says what an object is itself, and private elements"""

    @classmethod
    def of(cls, *keywords: str) -> Self:
        """Return a policy of one's own.

        Raises:
            ParameterError: One is no keyword of DICOM (PS3.6).
        """
        unknown = [keyword for keyword in keywords if tag_for_keyword(keyword) is None]
        if unknown:
            raise ParameterError(f"{', '.join(unknown)}: there is no such keyword in DICOM.")
        return cls(frozenset(keywords))

    def __or__(self, other: "TagPolicy | Iterable[str]") -> "TagPolicy":
        other = policy_of(other)
        return TagPolicy(
            self.keywords | other.keywords,
            self.everything or other.everything,
            (self.without - other.keywords) | (other.without - self.keywords),
        )

    def __sub__(self, other: "TagPolicy | Iterable[str]") -> "TagPolicy":
        less = policy_of(other).keywords
        return TagPolicy(self.keywords - less, self.everything, self.without | less)

    def chosen(self, reference: Dataset) -> frozenset[str]:
        """Return the keywords that are copied of a reference."""
        wanted = {element.keyword for element in reference} if self.everything else self.keywords
        return frozenset(wanted) - self.without - NEVER_COPIED - PATIENT - STUDY - {""}


TagPolicy.NONE = TagPolicy()
TagPolicy.ACQUISITION = TagPolicy.of(*_ACQUISITION)
TagPolicy.CONTRAST = TagPolicy.of(*_CONTRAST)
TagPolicy.GEOMETRY = TagPolicy.of(*_GEOMETRY)
TagPolicy.DISPLAY = TagPolicy.of(*_DISPLAY)
TagPolicy.REQUEST = TagPolicy.of(*_REQUEST)
TagPolicy.ALL = TagPolicy(everything=True)


def policy_of(copy: TagPolicy | Iterable[str]) -> TagPolicy:
    """Return a policy, made of keywords where it is none."""
    return copy if isinstance(copy, TagPolicy) else TagPolicy.of(*copy)


def complete(
    made: Sequence[Dataset], like: Sequence[Dataset], copy: TagPolicy | Iterable[str]
) -> None:
    """Add to objects what a policy wants of the reference; what they have stays."""
    policy = policy_of(copy)
    for number, dataset in enumerate(made):
        reference = lender(dataset, like, number if len(made) == len(like) else 0)
        wanted = policy.chosen(reference)
        for element in reference:
            if element.keyword in wanted and element.tag not in dataset:
                dataset.add(copied(element))


def impose(dataset: Dataset, reference: Dataset, copy: TagPolicy | Iterable[str]) -> None:
    """Put into a data set what a policy wants of the reference, in place of its own."""
    copy_elements(reference, dataset, policy_of(copy).chosen(reference))


def lender(dataset: Dataset, like: Sequence[Dataset], number: int) -> Dataset:
    """Return the image of the reference at the place of another; none there: the one given."""
    return next(iter(same_place(dataset, like)), like[number])
