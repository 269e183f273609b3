"""HTTP: /api/v1/exam/mrd."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from exam_manager.dependencies import DisclosuresDep, LakeDep, SessionsDep
from exam_manager.results import kspace as kspaces
from exam_manager.results.files import Place, RawDataFile, find_raw_data
from exam_manager.results.leaving import Form, downloaded
from exam_manager.results.mrd_reader import MRDFile, MRDReader
from exam_manager.results.packet import PacketPlan, plan_packet
from exam_manager.results.readouts import read_meta
from scanhub_libraries.file_answer import FileAnswer
from scanhub_libraries.models import MRDMetaResponse
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.threads import to_the_end

router = APIRouter(prefix="/api/v1/exam/mrd/{workflow_id}/{task_id}/{result_id}", tags=["raw data"])
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_BINARY = "application/octet-stream"
_AT_ONCE = 4 * 2**20
RANGE_HEADERS = {
    "Content-Range": {
        "description": "Which part of how many bytes",
        "schema": {"type": "string"},
        "example": "bytes 0-1023/146515",
    }
}
_KSPACE_HEADERS = {
    name: {"description": description, "schema": {"type": "string"}, "example": example}
    for name, description, example in (
        ("X-KSpace-Shape", "Rows and columns", "256,256"),
        ("X-KSpace-Readouts", "How many readouts it is made of", "256"),
        ("X-KSpace-Choice", "Which of each counter was chosen", "encoding=0, slice=0, partition=0"),
    )
}
_Index = Annotated[int | None, Query(ge=0, le=65535)]


async def get_place(workflow_id: UUID, task_id: UUID, result_id: UUID) -> Place:
    """Return where in the tree a path points."""
    return Place(workflow_id, task_id, result_id)


PlaceDep = Annotated[Place, Depends(get_place)]


async def _raw_data(
    place: PlaceDep,
    sessions: SessionsDep,
    lake: LakeDep,
    file: Annotated[
        ShortText | None,
        Query(description="Which file; without it the first", examples=["data.mrd"]),
    ] = None,
) -> RawDataFile:
    return await find_raw_data(sessions, lake, place, file)


RawDataDep = Annotated[RawDataFile, Depends(_raw_data)]


async def _file(found: RawDataDep, request: Request) -> MRDFile:
    reader: MRDReader = request.app.state.mrd_reader
    return MRDFile(found.path, reader)


FileDep = Annotated[MRDFile, Depends(_file)]


async def _tell(
    place: PlaceDep, found: RawDataDep, disclosures: DisclosuresDep
) -> Callable[[Form], Awaitable[None]]:
    async def tell(form: Form) -> None:
        await disclosures.tell_reading(downloaded(place, form, 1), form, found.name)

    return tell


TellDep = Annotated[Callable[[Form], Awaitable[None]], Depends(_tell)]


async def in_thread(pieces: Generator[bytes]) -> AsyncIterator[bytes]:
    """Yield what a generator makes, each piece made in a thread; close it, whoever breaks off."""
    try:
        while (piece := await to_the_end(next, pieces, None)) is not None:
            yield piece
    finally:
        await to_the_end(pieces.close)


@router.get("/meta", summary="The readouts of raw data", response_model=MRDMetaResponse)
async def get_mrd_meta(
    place: PlaceDep,
    found: RawDataDep,
    file: FileDep,
    first: Annotated[int, Query(ge=0, description="The first readout to list")] = 0,
    count: Annotated[int | None, Query(ge=1, description="List so many; without it all")] = None,
) -> StreamingResponse:
    """List the readouts of a file of raw data: sizes, dwell time, flags, encoding counters."""
    pieces = await read_meta(place, found, file, first, count)
    return StreamingResponse(in_thread(pieces), media_type="application/json", headers=_HEADERS)


@router.get(
    "/data",
    summary="Samples of readouts",
    response_class=Response,
    responses={200: {"content": {_BINARY: {}}, "description": "A binary packet"}},
)
async def get_mrd_data(
    *,
    file: FileDep,
    tell: TellDep,
    ids: Annotated[
        str,
        Query(
            max_length=20_000,
            description="`n`, `a-b` or `a-b:step`, with commas between",
            examples=["0-255", "0-1023:8", "12,40-43"],
        ),
    ],
    coil_idx: Annotated[
        Annotated[int, Field(ge=0, le=65535)] | Literal["all"],
        Query(description="One coil, from 0; `all`: a packet of version 2 that has all of them"),
    ] = 0,
    stride: Annotated[int, Query(ge=1, le=65535, description="Every so many samples one")] = 1,
) -> Response:
    """Return samples of one coil in a little endian packet.

    Header: u32 magic 0x49534D52, u16 version 1, u16 count. Each readout: u32 id, u16 coils (1),
    u16 type (1: float32 pairs), u32 samples, u32 bytes, then real and imaginary parts in turn.
    Version 2 (`coil_idx=all`) has the same layout with all coils, one after the other.
    """
    plan = await file.reader.run(plan_packet, file, ids, coil_idx, stride)
    await tell(Form.READOUTS)
    return await _packet(plan)


async def _packet(plan: PacketPlan) -> Response:
    if plan.size <= _AT_ONCE:
        body = await plan.file.reader.run(b"".join, plan.pieces())
        return Response(plan.header + body, media_type=_BINARY, headers=_HEADERS)
    await plan.file.reader.run(plan.check)

    async def stream() -> AsyncIterator[bytes]:
        yield plan.header
        async for piece in plan.file.reader.stream(plan.pieces()):
            yield piece

    headers = {**_HEADERS, "Content-Length": str(plan.size)}
    return StreamingResponse(stream(), media_type=_BINARY, headers=headers)


@router.get(
    "/download",
    summary="The file of raw data",
    response_class=StreamingResponse,
    responses={
        200: {"content": {_BINARY: {}}},
        206: {"description": "A range of it", "headers": RANGE_HEADERS},
        416: {"description": "There is no such range"},
    },
)
async def download_mrd(found: RawDataDep, tell: TellDep) -> FileAnswer:
    """Return a file of raw data as it was stored; ranges are supported."""
    await tell(Form.RAW_DATA)
    return FileAnswer(found.path, media_type=_BINARY, filename=found.name, headers=_HEADERS)


async def _choice(
    *,
    encoding: _Index = None,
    slice: _Index = None,  # noqa: A002 - ISMRMRD's name
    partition: Annotated[
        int | None,
        Query(ge=0, le=65535, description="kspace_encode_step_2; without it the middle one"),
    ] = None,
    contrast: _Index = None,
    phase: _Index = None,
    repetition: _Index = None,
    set: _Index = None,  # noqa: A002 - ISMRMRD's name
    average: _Index = None,
) -> kspaces.Choice:
    return kspaces.Choice(encoding, slice, partition, contrast, phase, repetition, set, average)


@router.get(
    "/kspace",
    summary="A slice of k-space as an image",
    response_class=Response,
    responses={
        200: {
            "content": {"image/png": {}, _BINARY: {}},
            "description": "An image",
            "headers": _KSPACE_HEADERS,
        }
    },
)
async def get_kspace(
    *,
    file: FileDep,
    tell: TellDep,
    choice: Annotated[kspaces.Choice, Depends(_choice)],
    coil: Annotated[
        Annotated[int, Field(ge=0, le=65535)] | Literal["rss"],
        Query(description="One coil, from 0; `rss`: root sum of squares of all"),
    ] = "rss",
    format: Annotated[Literal["png", "raw"], Query()] = "png",  # noqa: A002 - as people say it
    bits: Annotated[Literal["8", "16"], Query(description="Bits of a grey level of the PNG")] = "8",
    decibels: Annotated[
        float, Query(ge=10, le=300, description="Black is so far below white [dB]")
    ] = 80,
) -> Response:
    """Return the magnitude of a slice of Cartesian k-space, put together by encoding counters.

    PNG: logarithmic grey levels. Raw: u32 magic `KSPC`, u16 version 1, u16 type 1 (float32),
    u32 rows, u32 columns, then the magnitude itself row by row, little endian. The headers
    X-KSpace-Choice, -Shape and -Readouts say what it is of.
    """
    read = await file.reader.run(kspaces.read_kspace, file, choice, coil)
    await tell(Form.READOUTS)
    if format == "raw":
        body, media_type = await asyncio.to_thread(kspaces.as_raw, read), _BINARY
    else:
        body = await asyncio.to_thread(kspaces.as_png, read, int(bits), decibels)
        media_type = "image/png"
    return Response(body, media_type=media_type, headers=_HEADERS | read.headers())
