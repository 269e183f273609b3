"""WADO-RS: retrieve instances, metadata, frames and bulk data (PS3.18 section 10.4)."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.openapi import may_answer
from scanhub_libraries.web import SessionDep
from workflow_manager.dicomweb import retrieving, rules
from workflow_manager.dicomweb.retrieving import Answer, Retrieval
from workflow_manager.dicomweb.search_routes import PREFIX, Series, Study, accepted, base_url
from workflow_manager.query.repository import find_files

router = APIRouter(prefix=PREFIX, tags=["dicomweb"])
Instance = Annotated[ShortText, Path(description="SOP Instance UID")]
Frames = Annotated[
    str, Path(max_length=65_536, description="Numbers of frames from 1, ascending, with commas")
]
Place = Annotated[ShortText, Path(description="Tag of the value, after those of its sequences")]
_PRIVATE = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
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


async def retrieval_of(
    request: Request,
    session: SessionDep,
    study: str,
    series: str | None = None,
    instance: str | None = None,
) -> Retrieval:
    """Return the files that are asked for.

    Raises:
        NotFoundError: There is none.
    """
    files = await find_files(session, study, series, instance)
    if not files:
        raise NotFoundError(f"There is nothing under {(instance or series or study)[:64]}.")
    return Retrieval(files, request.app.state.wiring.lake, base_url(request))


def streamed(answer: Answer) -> Response:
    """Send an answer piece by piece."""
    headers = dict(_PRIVATE)
    if answer.length is not None:
        headers["Content-Length"] = str(answer.length)
    return StreamingResponse(answer.content, media_type=answer.media_type, headers=headers)


async def _instances(request: Request, found: Retrieval) -> Response:
    chosen = rules.choose_instances(accepted(request), single=False)
    return streamed(retrieving.instances(found, chosen.syntax))


async def _metadata(request: Request, found: Retrieval) -> Response:
    media_type = rules.choose(accepted(request), (rules.DICOM_JSON, rules.JSON))
    return streamed(Answer(media_type, retrieving.metadata(found)))


@router.get(
    "/studies/{study}",
    summary="Retrieve a study",
    response_class=StreamingResponse,
    responses=_PARTS,
)
async def retrieve_study(request: Request, session: SessionDep, study: Study) -> Response:
    """Send all instances of a study, each in a part, as they are stored.

    `Accept: multipart/related; type="application/dicom"; transfer-syntax=...` asks for another
    transfer syntax, which is given where the images can be converted.
    """
    return await _instances(request, await retrieval_of(request, session, study))


@router.get(
    "/studies/{study}/series/{series}",
    summary="Retrieve a series",
    response_class=StreamingResponse,
    responses=_PARTS,
)
async def retrieve_series(
    request: Request, session: SessionDep, study: Study, series: Series
) -> Response:
    """Send all instances of a series, each in a part, as they are stored."""
    return await _instances(request, await retrieval_of(request, session, study, series))


@router.get(
    "/studies/{study}/series/{series}/instances/{instance}",
    summary="Retrieve an instance",
    response_class=FileResponse,
    responses=_ONE,
)
async def retrieve_instance(
    request: Request, session: SessionDep, study: Study, series: Series, instance: Instance
) -> Response:
    """Send an instance, in a part or, for `Accept: application/dicom`, by itself (also ranges)."""
    found = await retrieval_of(request, session, study, series, instance)
    chosen = rules.choose_instances(accepted(request), single=True)
    (file,) = found.files
    if chosen.multipart or chosen.syntax not in {rules.ANY, file.transfer_syntax_uid}:
        return streamed(await retrieving.one_instance(found, chosen))
    return FileResponse(found.path(file), media_type=rules.DICOM, headers=_PRIVATE)


@router.get(
    "/studies/{study}/metadata",
    summary="Retrieve the metadata of a study",
    response_class=Response,
    responses=_JSON,
)
async def study_metadata(request: Request, session: SessionDep, study: Study) -> Response:
    """Send the data sets of a study as DICOM JSON; long values are told by their addresses."""
    return await _metadata(request, await retrieval_of(request, session, study))


@router.get(
    "/studies/{study}/series/{series}/metadata",
    summary="Retrieve the metadata of a series",
    response_class=Response,
    responses=_JSON,
)
async def series_metadata(
    request: Request, session: SessionDep, study: Study, series: Series
) -> Response:
    """Send the data sets of a series as DICOM JSON."""
    return await _metadata(request, await retrieval_of(request, session, study, series))


@router.get(
    "/studies/{study}/series/{series}/instances/{instance}/metadata",
    summary="Retrieve the metadata of an instance",
    response_class=Response,
    responses=_JSON,
)
async def instance_metadata(
    request: Request, session: SessionDep, study: Study, series: Series, instance: Instance
) -> Response:
    """Send the data set of an instance as DICOM JSON."""
    return await _metadata(request, await retrieval_of(request, session, study, series, instance))


@router.get(
    "/studies/{study}/series/{series}/instances/{instance}/frames/{frames}",
    summary="Retrieve frames",
    response_class=StreamingResponse,
    responses=_BYTES,
)
async def retrieve_frames(
    request: Request,
    session: SessionDep,
    *,
    study: Study,
    series: Series,
    instance: Instance,
    frames: Frames,
) -> Response:
    """Send frames: decoded for `application/octet-stream`, else compressed as they are stored."""
    found = await retrieval_of(request, session, study, series, instance)
    numbers = retrieving.frame_numbers(frames)
    return streamed(await retrieving.frames(found, numbers, accepted(request)))


@router.get(
    "/studies/{study}/series/{series}/instances/{instance}/bulkdata/{place:path}",
    summary="Retrieve a value",
    response_class=StreamingResponse,
    responses=_BYTES,
)
async def retrieve_bulkdata(
    request: Request,
    session: SessionDep,
    *,
    study: Study,
    series: Series,
    instance: Instance,
    place: Place,
) -> Response:
    """Send the value that the metadata name by this address."""
    found = await retrieval_of(request, session, study, series, instance)
    return streamed(await retrieving.bulk_data(found, place, accepted(request)))
