"""Enumerations of the wire, with ScanHub's values; ours are marked additive."""

from enum import StrEnum


class Gender(StrEnum):
    """Sex of a patient."""

    MALE = "MALE"
    FEMALE = "FEMALE"
    OTHER = "OTHER"
    NOT_GIVEN = "NOT_GIVEN"


class PatientPosition(StrEnum):
    """How the patient lies in the scanner: Patient Position (PS3.3 C.7.3.1.1.2).

    The first two letters say what enters the bore first, head or feet. Those that raw data
    (ISMRMRD) know; who sits, or lies across the bore, is none of them.
    """

    HFS = "HFS"
    """Head first, supine."""
    HFP = "HFP"
    """Head first, prone."""
    HFDR = "HFDR"
    """Head first, on the right side."""
    HFDL = "HFDL"
    """Head first, on the left side."""
    FFS = "FFS"
    """Feet first, supine."""
    FFP = "FFP"
    """Feet first, prone."""
    FFDR = "FFDR"
    """Feet first, on the right side."""
    FFDL = "FFDL"
    """Feet first, on the left side."""


class PregnancyStatus(StrEnum):
    """Pregnancy Status (PS3.3 C.7.2.2), in words."""

    NOT_PREGNANT = "NOT_PREGNANT"
    POSSIBLY_PREGNANT = "POSSIBLY_PREGNANT"
    DEFINITELY_PREGNANT = "DEFINITELY_PREGNANT"
    UNKNOWN = "UNKNOWN"


class DeviceStatus(StrEnum):
    """What a device says of itself."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    BUSY = "BUSY"
    ERROR = "ERROR"


class ItemStatus(StrEnum):
    """State of an exam, a workflow or a task. PAUSED and CANCELED are additive."""

    NEW = "NEW"
    UPDATED = "UPDATED"
    STARTED = "STARTED"
    INPROGRESS = "INPROGRESS"
    PAUSED = "PAUSED"
    FINISHED = "FINISHED"
    ERROR = "ERROR"
    CANCELED = "CANCELED"


class TaskType(StrEnum):
    """Discriminator of a task."""

    ACQUISITION = "ACQUISITION"
    DAG = "DAG"
    RECONSTRUCTION = "RECONSTRUCTION"
    PROCESSING = "PROCESSING"


class DAGType(StrEnum):
    """What a DAG task is for."""

    RECONSTRUCTION = "RECONSTRUCTION"
    PROCESSING = "PROCESSING"


class ResultType(StrEnum):
    """What the files of a result are."""

    DICOM = "DICOM"
    MRD = "MRD"
    NUMPY = "NUMPY"
    CALIBRATION = "CALIBRATION"
    NOT_SET = "NOT_SET"


class CalibrationType(StrEnum):
    """A calibration that runs before an acquisition."""

    FLIP_ANGLE = "flip-angle"
    FREQUENCY = "frequency"
    SHIMS = "shims"


class UserRole(StrEnum):
    """Role of a user."""

    ADMIN = "admin"
    MEDICAL = "medical"
    SCIENTIST = "scientist"
    ENGINEER = "engineer"
