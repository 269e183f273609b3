"""QIDO-RS: search for studies, series and instances (PS3.18 section 10.6)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from starlette.types import Scope

from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.openapi import may_answer
from scanhub_libraries.web import sessions_of
from workflow_manager.dicom.attributes import Level
from workflow_manager.dicomweb import rules, searching

PREFIX = "/api/v1/workflowmanager/dicomweb"
router = APIRouter(prefix=PREFIX, tags=["dicomweb"])
Study = Annotated[ShortText, Path(description="Study Instance UID")]
Series = Annotated[ShortText, Path(description="Series Instance UID")]
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What was found, as DICOM JSON (PS3.18 annex F); an empty list if nothing",
        "content": {rules.DICOM_JSON: {"schema": {"type": "array", "items": {"type": "object"}}}},
    },
    **may_answer(400, 406),
}


def base_url(request: Request) -> str:
    """Return the address of DICOMweb: the installation's own, else as the client named it."""
    own: str | None = request.app.state.wiring.settings.public_url
    if not own:
        scope = request.scope
        host = next((value for name, value in scope["headers"] if name == b"host"), None)
        root = scope.get("app_root_path", scope.get("root_path", ""))
        own = _named(scope["scheme"], host, scope.get("server"), root)
    return f"{own.rstrip('/')}{PREFIX}"


@lru_cache(maxsize=256)
def _named(
    scheme: str, host: bytes | None, server: tuple[str, int | None] | None, root: str
) -> str:
    """Return what the framework calls the base URL of a request; that takes it a while."""
    named: Scope = {
        "type": "http",
        "scheme": scheme,
        "headers": [] if host is None else [(b"host", host)],
        "server": server,
        "path": "/",
        "root_path": root,
        "query_string": b"",
    }
    return str(Request(named).base_url)


def accepted(request: Request) -> Sequence[rules.MediaRange]:
    """Return what the client takes; the parameter `accept` counts before the header."""
    asked = request.query_params.get("accept")
    return rules.parse_accept(asked or request.headers.get("accept"))


async def _search(request: Request, level: Level, path: dict[str, str]) -> Response:
    media_type = rules.choose(accepted(request), (rules.DICOM_JSON, rules.JSON))
    parameters = request.query_params.multi_items()
    extra = frozenset(request.app.state.wiring.settings.dicom_extra_tags)
    base = base_url(request)
    found = await searching.find(sessions_of(request), level, parameters, base, path, extra=extra)
    response = Response(found.body, media_type=media_type)
    for warning in found.warnings:
        response.headers.append("Warning", f'299 {request.url.hostname} "{warning}"')
    return response


@router.get("/studies", summary="Search for studies", response_class=Response, responses=_ANSWER)
async def search_studies(request: Request) -> Response:
    """Search by attributes of study and patient: `?PatientName=doe*&StudyDate=20260101-`.

    Any attribute of the level can be matched, by keyword or tag; also `limit`, `offset`,
    `includefield`. Names match without case and accents.
    """
    return await _search(request, Level.STUDY, {})


@router.get("/series", summary="Search for series", response_class=Response, responses=_ANSWER)
async def search_series(request: Request) -> Response:
    """Search all series, by their own attributes and those of their studies."""
    return await _search(request, Level.SERIES, {})


@router.get(
    "/instances", summary="Search for instances", response_class=Response, responses=_ANSWER
)
async def search_instances(request: Request) -> Response:
    """Search all instances, by their own attributes and those above them."""
    return await _search(request, Level.INSTANCE, {})


@router.get(
    "/studies/{study}/series",
    summary="Search for series of a study",
    response_class=Response,
    responses=_ANSWER,
)
async def search_study_series(request: Request, study: Study) -> Response:
    """Search the series of a study, in the order of their numbers."""
    return await _search(request, Level.SERIES, {"StudyInstanceUID": study})


@router.get(
    "/studies/{study}/instances",
    summary="Search for instances of a study",
    response_class=Response,
    responses=_ANSWER,
)
async def search_study_instances(request: Request, study: Study) -> Response:
    """Search the instances of a study, series by series."""
    return await _search(request, Level.INSTANCE, {"StudyInstanceUID": study})


@router.get(
    "/studies/{study}/series/{series}/instances",
    summary="Search for instances of a series",
    response_class=Response,
    responses=_ANSWER,
)
async def search_series_instances(request: Request, study: Study, series: Series) -> Response:
    """Search the instances of a series, in the order of their numbers."""
    path = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
    return await _search(request, Level.INSTANCE, path)
