"""mercure's names and forms, and what becomes of them here. Pure."""

from datetime import UTC, datetime
from typing import Any

SERIES_TAGS = (
    "PatientName",
    "PatientID",
    "AccessionNumber",
    "SeriesNumber",
    "StudyID",
    "PatientBirthDate",
    "PatientSex",
    "AcquisitionDate",
    "AcquisitionTime",
    "Modality",
    "BodyPartExamined",
    "StudyDescription",
    "SeriesDescription",
    "ProtocolName",
    "CodeValue",
    "CodeMeaning",
    "SequenceName",
    "ScanningSequence",
    "SequenceVariant",
    "SliceThickness",
    "ContrastBolusAgent",
    "ReferringPhysicianName",
    "Manufacturer",
    "ManufacturerModelName",
    "MagneticFieldStrength",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "StationName",
)
"""What the bookkeeper keeps of a series beside its two UIDs: DICOM keywords."""
INFORMATION = {
    "patient_name": "PatientName",
    "patient_birthdate": "PatientBirthDate",
    "patient_sex": "PatientSex",
    "acquisition_date": "AcquisitionDate",
    "acquisition_time": "AcquisitionTime",
    "modality": "Modality",
    "bodypart_examined": "BodyPartExamined",
    "study_description": "StudyDescription",
    "protocol_name": "ProtocolName",
    "manufacturer": "Manufacturer",
    "manufacturer_modelname": "ManufacturerModelName",
    "device_serialnumber": "DeviceSerialNumber",
    "magnetic_fieldstrength": "MagneticFieldStrength",
}
"""Members of `information` in the answer about a task, and the tags they come from."""
SECRET_MEMBERS = frozenset({"environment", "env", "docker_arguments"})
"""Members of a module's configuration that may hold passwords: mercure sends them along."""
NOT_KEPT = "(not kept)"
TEST_STATES = {"running": "begin", "passed": "success", "failed": "failed"}
"""What mercure calls the states of a self-test."""
_TEST_LIMIT_S = 600.0
_MISSING = {"", "MISSING"}


def without_secrets(document: Any) -> Any:
    """Return a copy of a task without what may be a secret of a module."""
    if isinstance(document, list):
        return [without_secrets(item) for item in document]
    if not isinstance(document, dict):
        return document
    return {
        key: NOT_KEPT if key in SECRET_MEMBERS and value else without_secrets(value)
        for key, value in document.items()
    }


def text_of(document: dict[str, Any], key: str, longest: int) -> str:
    """Return a member of a task's information as text; what mercure calls MISSING is empty."""
    value = document.get(key)
    if isinstance(value, dict):  # the rules that triggered, as a map of their names
        value = ", ".join(str(name) for name in value)
    text = "" if value is None else str(value)
    return "" if text in _MISSING else text[:longest]


def status_of_test(status: str, begun: datetime, ended: datetime | None, now: datetime) -> str:
    """Return the state of a self-test: one that has not ended after ten minutes has failed."""
    if ended is None and (now - begun).total_seconds() > _TEST_LIMIT_S:
        return "failed"
    return status


def in_utc(time: datetime | None, now: datetime) -> datetime:
    """Return when something was: mercure names no zone, and its servers run in UTC."""
    if time is None:
        return now
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def like_pattern(text: str) -> str:
    r"""Return text for LIKE with `\` as escape character."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
