"""A received image as its listener passes it on: what its row in the index holds. Pure."""

from functools import lru_cache
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from workflow_manager.dicom.attributes import Level
from workflow_manager.dicom.columns import as_text, columns_of
from workflow_manager.dicom.part10 import Header


class Image(NamedTuple):
    """A received image, as its listener read it."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    patient_id: str
    patient_name_key: str
    columns: dict[str, Any]
    """Those of its row that come from the image; `tags` as JSON."""


def image_of(header: Header) -> Image:
    """Return all that its row needs, so that the service has nothing left to do but to write it."""
    tags = header.tags
    columns = {
        "sop_class_uid": header.sop_class_uid,
        "transfer_syntax_uid": header.transfer_syntax_uid,
        **columns_of(Level.INSTANCE, tags),
        "sha256": header.sha256,
        "size": header.size,
        "tags": to_json(tags).decode(),
    }
    patient_id, name_key = _patient(
        as_text(tags.get("PatientID")), as_text(tags.get("PatientName"))
    )
    return Image(
        header.study_instance_uid,
        header.series_instance_uid,
        header.sop_instance_uid,
        patient_id,
        name_key,
        columns,
    )


@lru_cache(maxsize=256)
def _patient(patient_id: str, name: str) -> tuple[str, str]:
    columns = columns_of(Level.STUDY, {"PatientID": patient_id, "PatientName": name})
    return columns["patient_id"], columns["patient_name_key"]


def header_of(image: Image) -> Header:
    """Return the header that an image was made of."""
    columns = image.columns
    return Header(
        study_instance_uid=image.study_instance_uid,
        series_instance_uid=image.series_instance_uid,
        sop_instance_uid=image.sop_instance_uid,
        sop_class_uid=columns["sop_class_uid"],
        transfer_syntax_uid=columns["transfer_syntax_uid"],
        sha256=columns["sha256"],
        size=columns["size"],
        tags=from_json(columns["tags"]),
    )
