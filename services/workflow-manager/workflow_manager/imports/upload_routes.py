"""The route that takes files."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.models.image_import import ImportOut
from scanhub_libraries.openapi import may_answer
from scanhub_libraries.web import PrincipalDep
from workflow_manager.imports import service
from workflow_manager.imports.uploading import Upload, receive

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["imports"])
_FORM = {
    "type": "object",
    "required": ["files"],
    "properties": {
        "files": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "description": "DICOM files and zip archives of them",
        }
    },
    "examples": [{"files": ["1.dcm", "series.zip"]}],
}
_FILE = {"type": "string", "format": "binary", "examples": ["128 bytes, then DICM"]}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "DICOM files and zip archives in a form, or one of them",
        "content": {
            "multipart/form-data": {"schema": _FORM},
            "application/zip": {"schema": _FILE},
            "application/dicom": {"schema": _FILE},
        },
    }
}


@router.post(
    "/imports",
    status_code=202,
    summary="Upload images",
    responses=may_answer(400, 413, 415, 507),
    openapi_extra=_BODY,
)
async def upload_images(
    request: Request,
    principal: PrincipalDep,
    *,
    forced_rule: Annotated[
        ShortText, Query(description="Rule that decides alone of what comes; empty: all rules")
    ] = "",
    dataset: Annotated[
        ShortText, Query(description="Keep the files under this name, to be played back")
    ] = "",
    filename: Annotated[ShortText, Query(description="Name of the file, if it is one")] = "",
) -> ImportOut:
    """Upload DICOM files and zip archives; the import of them begins when all are here."""
    content_type = request.headers.get("content-type", "")
    upload = Upload(content_type, filename, forced_rule, dataset, principal.actor)
    row = await receive(request.app.state.wiring, upload, request.stream())
    return service.describe(row)
