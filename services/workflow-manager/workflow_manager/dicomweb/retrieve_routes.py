"""WADO-RS: retrieve instances, metadata, frames and bulk data (PS3.18 section 10.4)."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.openapi import may_answer
from scanhub_libraries.web import sessions_of
from workflow_manager.dicomweb import retrieving, rules
from workflow_manager.dicomweb.answering import PRIVATE, Begun, begin, send_on, sent
from workflow_manager.dicomweb.direct import DirectRoute
from workflow_manager.dicomweb.retrieving import Answer, Retrieval
from workflow_manager.dicomweb.search_routes import PREFIX, Series, Study, accepted, base_url
from workflow_manager.query.repository import StoredFile
from workflow_manager.query.service import find_files

T = TypeVar("T")
router = APIRouter(prefix=PREFIX, tags=["dicomweb"], route_class=DirectRoute)
Instance = Annotated[ShortText, Path(description="SOP Instance UID")]
Frames = Annotated[
    str, Path(max_length=65_536, description="Numbers of frames from 1, ascending, with commas")
]
Place = Annotated[ShortText, Path(description="Tag of the value, after those of its sequences")]
_REFUSED = may_answer(400, 406)
_PARTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The files, each in a part", "content": {rules.MULTIPART: {}}},
    **_REFUSED,
}
_ONE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": {rules.MULTIPART: {}, rules.DICOM: {}}},
    206: {"description": "A range of it"},
    416: {"description": "There is no such range"},
    **_REFUSED,
}
_JSON: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The data sets as DICOM JSON, without pixels",
        "content": {rules.DICOM_JSON: {"schema": {"type": "array", "items": {"type": "object"}}}},
    },
    **_REFUSED,
}
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The bytes", "content": {rules.MULTIPART: {}, rules.OCTETS: {}}},
    **_REFUSED,
}


_KEYWORDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


async def retrieval_of(request: Request, *uids: str) -> Retrieval:
    """Return the files of a study, a series or an instance.

    Raises:
        NotFoundError: There is none.
    """
    return await _made_of(request, uids, lambda found: found)


async def _made_of(request: Request, uids: Sequence[str], make: Callable[[Retrieval], T]) -> T:
    """Return what is made of the files that are asked for, in a thread where others read too.

    So `make` begins to read files; what takes longer, conversion and parsing, comes afterwards.
    """
    lake, base = request.app.state.wiring.lake, base_url(request)

    def make_it(files: list[StoredFile]) -> T:
        if not files:
            raise NotFoundError(f"There is nothing under {uids[-1][:64]}.")
        return make(Retrieval(files, lake, base))

    named = dict(zip(_KEYWORDS, uids, strict=False))
    return await find_files(sessions_of(request), named, make_it)


async def _instances(request: Request, *uids: str) -> Response:
    chosen = rules.choose_instances(accepted(request), single=False)

    def make(found: Retrieval) -> Begun | Answer:
        answer = retrieving.instances(found, chosen.syntax)
        return answer if answer.length is None else begin(answer)

    made = await _made_of(request, uids, make)
    return send_on(made) if isinstance(made, Begun) else await sent(made)


async def _instance(request: Request, *uids: str) -> Response:
    chosen = rules.choose_instances(accepted(request), single=True)
    in_ranges = not chosen.multipart and "range" in request.headers

    def make(found: Retrieval) -> Begun | Retrieval:
        if in_ranges or not found.has(chosen.syntax):
            return found
        return begin(retrieving.one_instance(found, chosen))

    made = await _made_of(request, uids, make)
    if isinstance(made, Begun):
        return send_on(made)
    if in_ranges and made.has(chosen.syntax):
        return FileResponse(made.path(made.files[0]), media_type=rules.DICOM, headers=PRIVATE)
    return await sent(await asyncio.to_thread(retrieving.one_instance, made, chosen))


async def _metadata(request: Request, *uids: str) -> Response:
    media_type = rules.choose(accepted(request), (rules.DICOM_JSON, rules.JSON))
    found = await retrieval_of(request, *uids)
    return await sent(Answer(media_type, retrieving.metadata(found)))


@router.get(
    "/studies/{study}",
    summary="Retrieve a study",
    response_class=StreamingResponse,
    responses=_PARTS,
)
async def retrieve_study(request: Request, study: Study) -> Response:
    """Send all instances of a study, each in a part, as they are stored.

    `Accept: multipart/related; type="application/dicom"; transfer-syntax=...` asks for another
    transfer syntax, which is given where the images can be converted.
    """
    return await _instances(request, study)


@router.get(
    "/studies/{study}/series/{series}",
    summary="Retrieve a series",
    response_class=StreamingResponse,
    responses=_PARTS,
)
async def retrieve_series(request: Request, study: Study, series: Series) -> Response:
    """Send all instances of a series, each in a part, as they are stored."""
    return await _instances(request, study, series)


@router.get(
    "/studies/{study}/series/{series}/instances/{instance}",
    summary="Retrieve an instance",
    response_class=FileResponse,
    responses=_ONE,
)
async def retrieve_instance(
    request: Request, study: Study, series: Series, instance: Instance
) -> Response:
    """Send an instance, in a part or, for `Accept: application/dicom`, by itself (also ranges)."""
    return await _instance(request, study, series, instance)


@router.get(
    "/studies/{study}/metadata",
    summary="Retrieve the metadata of a study",
    response_class=Response,
    responses=_JSON,
)
async def study_metadata(request: Request, study: Study) -> Response:
    """Send the data sets of a study as DICOM JSON; long values are told by their addresses."""
    return await _metadata(request, study)


@router.get(
    "/studies/{study}/series/{series}/metadata",
    summary="Retrieve the metadata of a series",
    response_class=Response,
    responses=_JSON,
)
async def series_metadata(request: Request, study: Study, series: Series) -> Response:
    """Send the data sets of a series as DICOM JSON."""
    return await _metadata(request, study, series)


@router.get(
    "/studies/{study}/series/{series}/instances/{instance}/metadata",
    summary="Retrieve the metadata of an instance",
    response_class=Response,
    responses=_JSON,
)
async def instance_metadata(
    request: Request, study: Study, series: Series, instance: Instance
) -> Response:
    """Send the data set of an instance as DICOM JSON."""
    return await _metadata(request, study, series, instance)


@router.get(
    "/studies/{study}/series/{series}/instances/{instance}/frames/{frames}",
    summary="Retrieve frames",
    response_class=StreamingResponse,
    responses=_BYTES,
)
async def retrieve_frames(
    request: Request,
    *,
    study: Study,
    series: Series,
    instance: Instance,
    frames: Frames,
) -> Response:
    """Send frames: decoded for `application/octet-stream`, else compressed as they are stored."""
    found = await retrieval_of(request, study, series, instance)
    numbers = retrieving.frame_numbers(frames)
    return await sent(await retrieving.frames(found, numbers, accepted(request)))


@router.get(
    "/studies/{study}/series/{series}/instances/{instance}/bulkdata/{place:path}",
    summary="Retrieve a value",
    response_class=StreamingResponse,
    responses=_BYTES,
)
async def retrieve_bulkdata(
    request: Request,
    *,
    study: Study,
    series: Series,
    instance: Instance,
    place: Place,
) -> Response:
    """Send the value that the metadata name by this address."""
    found = await retrieval_of(request, study, series, instance)
    return await sent(await retrieving.bulk_data(found, place, accepted(request)))
