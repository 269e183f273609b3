"""STOW-RS: store instances (PS3.18 section 10.5)."""

from typing import Any

from fastapi import APIRouter, Request, Response

from scanhub_libraries.openapi import may_answer
from scanhub_libraries.web import get_principal
from workflow_manager.dicom.entries import Origin
from workflow_manager.dicomweb import rules, storing
from workflow_manager.dicomweb.direct import DirectRoute
from workflow_manager.dicomweb.search_routes import PREFIX, Study, accepted, base_url

router = APIRouter(prefix=PREFIX, tags=["dicomweb"], route_class=DirectRoute)
_FILE = "128 bytes of preamble, then DICM and the elements (PS3.10 section 7)"
_PART = f"--frontier\r\nContent-Type: {rules.DICOM}\r\n\r\n{_FILE}\r\n--frontier--"
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "DICOM files, each in a part, or one file",
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary", "examples": [example]}}
            for media_type, example in ((rules.MULTIPART, _PART), (rules.DICOM, _FILE))
        },
    }
}
_CONTENT = {"content": {rules.DICOM_JSON: {"schema": {"type": "object"}}}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "All instances are stored", **_CONTENT},
    202: {"description": "Some are; the answer says which, and why the others are not", **_CONTENT},
    409: {"description": "None is; the answer says why", **_CONTENT},
    **may_answer(406, 413, 415, 507),
}


async def _store(request: Request, study: str | None) -> Response:
    principal = await get_principal(request)  # as a dependency it takes 4 % of a small request
    media_type = rules.choose(accepted(request), (rules.DICOM_JSON, rules.JSON))
    wiring, state = request.app.state.wiring, request.app.state
    address = request.client.host if request.client else ""
    asked = storing.Request(
        request.headers.get("content-type", ""),
        Origin(principal.actor, sender_address=address),
        study,
        wiring.settings.dicomweb_max_instance_bytes,
    )
    results = await storing.store(state.dicomweb_desk, asked, request.stream())
    body = await storing.answer_of(results, base_url(request))
    return Response(body, storing.status_of(results), media_type=media_type)


@router.post(
    "/studies",
    summary="Store instances",
    response_class=Response,
    responses=_ANSWERS,
    openapi_extra=_BODY,
)
async def store_instances(request: Request) -> Response:
    """Store instances of any studies; each is on disk and in the index when this answers."""
    return await _store(request, None)


@router.post(
    "/studies/{study}",
    summary="Store instances of a study",
    response_class=Response,
    responses=_ANSWERS,
    openapi_extra=_BODY,
)
async def store_study_instances(request: Request, study: Study) -> Response:
    """Store instances of one study; those of another are refused."""
    return await _store(request, study)
