"""WADO-RS: images to look at (PS3.18 section 10.4.1.1.3)."""

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from scanhub_libraries.openapi import may_answer
from workflow_manager.dicomweb import documents, rendering, retrieving, rules
from workflow_manager.dicomweb.answering import PRIVATE, sent
from workflow_manager.dicomweb.retrieve_routes import Instance, retrieval_of
from workflow_manager.dicomweb.retrieving import Retrieval
from workflow_manager.dicomweb.search_routes import PREFIX, Series, Study, accepted

router = APIRouter(prefix=PREFIX, tags=["dicomweb"])
Frame = Annotated[int, Path(ge=1, le=99_999_999, description="Number of the frame, from 1")]
_TYPES = (rules.JPEG, rules.PNG)
_REFUSED = may_answer(400, 406)
_IMAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The image", "content": {rules.JPEG: {}, rules.PNG: {}}},
    **_REFUSED,
}
_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The image; of an Encapsulated PDF the document",
        "content": {rules.JPEG: {}, rules.PNG: {}, rules.PDF: {}},
    },
    **_REFUSED,
}
_IMAGES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The images, each in a part", "content": {rules.MULTIPART: {}}},
    **_REFUSED,
}


async def _image(
    request: Request, found: Retrieval, *, frame: int = 1, thumbnail: bool = False
) -> Response:
    """Send the image of a frame; of several instances that in the middle of those with images."""
    media_type = rules.choose(accepted(request), _TYPES)
    view = rendering.view_of(request.query_params, thumbnail=thumbnail)
    images = [file for file in found.files if not documents.is_pdf(file)]
    async with request.app.state.wiring.renderings:
        if thumbnail and not images:
            image = await asyncio.to_thread(documents.page, view, media_type)
        else:
            files = images or found.files
            draw = partial(rendering.render, view=view, media_type=media_type)
            image = await retrieving.drawn(found.path(files[len(files) // 2]), frame, draw)
    return Response(image, media_type=media_type, headers=PRIVATE)


async def _document(request: Request, found: Retrieval) -> Response:
    """Send the document of an Encapsulated PDF."""
    media_type = rules.choose(accepted(request), (rules.PDF,))
    async with request.app.state.wiring.renderings:
        document = await asyncio.to_thread(documents.pdf_of, found.path(found.files[0]))
    headers = {**PRIVATE, "Content-Disposition": "inline"}
    return Response(document, media_type=media_type, headers=headers)


async def _images(request: Request, found: Retrieval) -> Response:
    """Send an image of each instance."""
    media_type = rules.choose_parts(accepted(request), _TYPES)
    view = rendering.view_of(request.query_params)
    draw = partial(rendering.render, view=view, media_type=media_type)
    return await sent(retrieving.all_drawn(found, draw, media_type))


@router.get(
    "/studies/{study}/rendered",
    summary="Images of a study",
    response_class=Response,
    responses=_IMAGES,
)
async def render_study(request: Request, study: Study) -> Response:
    """Send an image of each instance of a study that has pixels, in parts.

    `window=CENTER,WIDTH,FUNCTION`, `viewport=WIDTH,HEIGHT` and `quality` say how they look.
    """
    return await _images(request, await retrieval_of(request, study))


@router.get(
    "/studies/{study}/series/{series}/rendered",
    summary="Images of a series",
    response_class=Response,
    responses=_IMAGES,
)
async def render_series(request: Request, study: Study, series: Series) -> Response:
    """Send an image of each instance of a series that has pixels, in parts."""
    return await _images(request, await retrieval_of(request, study, series))


@router.get(
    "/studies/{study}/series/{series}/instances/{instance}/rendered",
    summary="Image of an instance",
    response_class=Response,
    responses=_DOCUMENT,
)
async def render_instance(
    request: Request, study: Study, series: Series, instance: Instance
) -> Response:
    """Send an instance as JPEG or PNG, of several frames the first; an Encapsulated PDF as PDF."""
    found = await retrieval_of(request, study, series, instance)
    if documents.is_pdf(found.files[0]):
        return await _document(request, found)
    return await _image(request, found)


@router.get(
    "/studies/{study}/series/{series}/instances/{instance}/frames/{frame}/rendered",
    summary="Image of a frame",
    response_class=Response,
    responses=_IMAGE,
)
async def render_frame(
    request: Request,
    *,
    study: Study,
    series: Series,
    instance: Instance,
    frame: Frame,
) -> Response:
    """Send a frame as JPEG or PNG."""
    found = await retrieval_of(request, study, series, instance)
    return await _image(request, found, frame=frame)


@router.get(
    "/studies/{study}/thumbnail",
    summary="Thumbnail of a study",
    response_class=Response,
    responses=_IMAGE,
)
async def study_thumbnail(request: Request, study: Study) -> Response:
    """Send a small image of the instance in the middle of a study."""
    return await _image(request, await retrieval_of(request, study), thumbnail=True)


@router.get(
    "/studies/{study}/series/{series}/thumbnail",
    summary="Thumbnail of a series",
    response_class=Response,
    responses=_IMAGE,
)
async def series_thumbnail(request: Request, study: Study, series: Series) -> Response:
    """Send a small image of the instance in the middle of a series."""
    found = await retrieval_of(request, study, series)
    return await _image(request, found, thumbnail=True)


@router.get(
    "/studies/{study}/series/{series}/instances/{instance}/thumbnail",
    summary="Thumbnail of an instance",
    response_class=Response,
    responses=_IMAGE,
)
async def instance_thumbnail(
    request: Request, study: Study, series: Series, instance: Instance
) -> Response:
    """Send a small image of an instance."""
    found = await retrieval_of(request, study, series, instance)
    return await _image(request, found, thumbnail=True)
