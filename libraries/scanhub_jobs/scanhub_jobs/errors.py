"""What a job says when it cannot go on, and what the SDK says when it is asked for what is not."""


class JobError(Exception):
    """Any error of the SDK; the text says what is wrong and what to do."""

    def __str__(self) -> str:
        """Return the sentence; KeyError, which some are too, would put it into quotes."""
        return str(self.args[0]) if self.args else ""


class JobInputError(JobError):
    """The input cannot be processed; the text tells a technician why.

    It is an answer, not a crash: repeating the job on the same input ends the same way.
    """


class ParameterError(JobInputError):
    """The parameters are not those that the job declares."""


class NotInJobError(JobError):
    """There is no job here whose context could be told."""


class JobDefinitionError(JobError):
    """What is declared as a job cannot be one."""


class JobCancelledError(JobError):
    """Somebody cancelled the job, or its time is over; raised by `check_cancelled`."""


class ValueRefusedError(JobError, ValueError):
    """Session data are JSON values of limited size; this is none."""


class ReadOnlyError(JobError, TypeError):
    """Data and files of another job can be read, not changed."""


class UnknownJobError(JobError, LookupError):
    """The job is none that this one declares in `needs`, or it has not run."""


class AmbiguousUpstreamError(JobError, LookupError):
    """The other job ran several times, and it is not said which run is meant."""


class DataNotFoundError(JobError, KeyError):
    """There is no session data of that name."""


class ArtifactNotFoundError(JobError, KeyError):
    """There is no file of that name."""


class ArtifactNameError(JobError, ValueError):
    """A name that no file can have."""


class PeerNotFoundError(JobError, KeyError):
    """There is no DICOM node of that name."""


class PeerKeyError(JobError):
    """The node asks for a certificate whose key does not leave the platform."""


class PlatformError(JobError):
    """The platform refused what the SDK asked for, or does not answer any more."""


class SeriesNotFoundError(JobError, LookupError):
    """There is no such series, or it is not said which."""


class ImageFolderError(JobInputError):
    """The folder holds no DICOM images."""


class MissingExtraError(JobError, ImportError):
    """A library is not installed; the text names the extra that brings it."""


class ConversionError(JobError):
    """Images could not be converted.

    Attributes:
        exit_code: Of the converter; None: it gave none, as when its time was over.
        log: What it said.
    """

    def __init__(self, message: str, *, exit_code: int | None = None, log: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.log = log


class GeometryError(JobError):
    """Voxels lie so that DICOM cannot say where: sheared, flat, or of the wrong shape."""


class PixelValueError(JobError):
    """Values that cannot be stored."""


class InvalidDocumentError(JobError):
    """A document is not of the kind that it is said to be."""


class DicomFileError(JobInputError):
    """A file is no DICOM object, or a broken one."""


class SendError(JobError):
    """Not everything was sent.

    Attributes:
        report: What became of each instance, a `SendReport`.
    """

    def __init__(self, message: str, report: object = None) -> None:
        super().__init__(message)
        self.report = report
