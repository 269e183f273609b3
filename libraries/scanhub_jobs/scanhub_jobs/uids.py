"""DICOM unique identifiers that come out the same when a job runs again."""

from uuid import NAMESPACE_OID, UUID, uuid5

_SCANHUB_JOBS = uuid5(NAMESPACE_OID, "scanhub-jobs")


def uid_from_uuid(value: UUID) -> str:
    """Write a UUID as a DICOM UID (PS3.5 annex B.2)."""
    return f"2.25.{value.int}"


def derived_uid(*parts: object) -> str:
    """Derive a UID from names: the same names always give the same UID."""
    return uid_from_uuid(uuid5(_SCANHUB_JOBS, "/".join(str(part) for part in parts)))
