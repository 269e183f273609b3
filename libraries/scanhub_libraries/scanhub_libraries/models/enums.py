"""Enumerations of the wire, with ScanHub's values; ours are marked additive."""

from enum import StrEnum


class Gender(StrEnum):
    """Sex of a patient."""

    MALE = "MALE"
    FEMALE = "FEMALE"
    OTHER = "OTHER"
    NOT_GIVEN = "NOT_GIVEN"


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
