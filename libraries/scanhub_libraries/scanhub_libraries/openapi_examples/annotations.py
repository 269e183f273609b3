"""Examples of what is drawn on images, for the OpenAPI documents."""

from typing import Any

from scanhub_libraries.openapi_examples.ids import TIME

_IMAGE = "2.25.329800735698586629295641978511506172920"
_LENGTH: dict[str, Any] = {
    "sop_instance_uid": _IMAGE,
    "frame": 1,
    "kind": "length",
    "points": [[64.5, 80.0], [96.5, 80.0]],
    "text": "left ventricle",
}
ANNOTATION_EXAMPLES: dict[str, dict[str, Any]] = {
    "AnnotationIn": _LENGTH,
    "AnnotationChange": {"points": [[64.5, 82.0], [98.5, 82.0]], "text": "left ventricle"},
    "AnnotationOut": {
        **_LENGTH,
        "id": "0192f0c4-7d52-7cc1-9a55-0d1b5f0f2ab0",
        "study_instance_uid": "2.25.329800735698586629295641978511506172918",
        "series_instance_uid": "2.25.329800735698586629295641978511506172919",
        "version": 1,
        "current": True,
        "created_by": "user:ada",
        "created_at": TIME,
        "updated_by": None,
        "updated_at": None,
        "deleted_by": None,
        "deleted_at": None,
    },
}
