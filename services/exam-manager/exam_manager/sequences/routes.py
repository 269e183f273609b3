"""HTTP: /api/v1/exam/sequence."""

from typing import Annotated

from fastapi import (
    APIRouter,
    BackgroundTasks,
    Depends,
    File,
    Form,
    Path,
    Query,
    Request,
    UploadFile,
)
from fastapi import status as http
from fastapi.responses import FileResponse

from exam_manager.dependencies import LakeDep, NowDep
from exam_manager.sequences import rules, service
from exam_manager.sequences.reader import SequenceReader
from exam_manager.sequences.service import UploadedFile
from scanhub_libraries.models import BaseMRISequence, MRISequenceOut
from scanhub_libraries.models.fields import Name, ShortText, Text
from scanhub_libraries.web import PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/exam", tags=["sequences"])
SequenceId = Annotated[ShortText, Path()]


async def _sequence_in(
    name: Annotated[Name, Form()],
    description: Annotated[Text, Form()] = "",
    sequence_type: Annotated[ShortText, Form()] = "",
    tags: Annotated[list[ShortText], Form(max_length=100)] = [],  # noqa: B006 - FastAPI copies it
) -> BaseMRISequence:
    return BaseMRISequence(
        name=name, description=description, sequence_type=sequence_type, tags=tags
    )


async def _reader(request: Request) -> SequenceReader:
    reader: SequenceReader = request.app.state.read_sequence
    return reader


async def _read(file: UploadFile, field: str) -> UploadedFile:
    rules.check_size(file.size or 0, field)
    return UploadedFile(file.filename, await file.read())


@router.post("/sequence", status_code=http.HTTP_201_CREATED, summary="Upload a sequence")
async def create_sequence(
    *,
    seq_file: Annotated[UploadFile, File(description="Pulseq file, at most 64 MiB")],
    body: Annotated[BaseMRISequence, Depends(_sequence_in)],
    reader: Annotated[SequenceReader, Depends(_reader)],
    session: SessionDep,
    lake: LakeDep,
    now: NowDep,
    xml_file: Annotated[UploadFile | None, File(description="MRD header")] = None,
) -> MRISequenceOut:
    """Store a Pulseq file that can be read; an error names the line."""
    return await service.create_sequence(
        session,
        lake,
        reader,
        body,
        seq_file=await _read(seq_file, "seq_file"),
        xml_file=await _read(xml_file, "xml_file") if xml_file else None,
        now=now,
    )


@router.get("/sequences/all", summary="All sequences")
async def list_sequences(session: SessionDep) -> list[MRISequenceOut]:
    """Return all sequences without their files."""
    return await service.list_sequences(session)


@router.get("/sequence/{sequence_id}", summary="One sequence with its text")
async def get_sequence(
    sequence_id: SequenceId, session: SessionDep, lake: LakeDep, principal: PrincipalDep
) -> MRISequenceOut:
    """Return a sequence with the text of its file."""
    return await service.get_sequence(session, lake, sequence_id, principal=principal)


@router.get(
    "/sequence/{sequence_id}/file", response_class=FileResponse, summary="Download a sequence"
)
async def get_sequence_file(
    sequence_id: SequenceId,
    session: SessionDep,
    lake: LakeDep,
    name: Annotated[ShortText | None, Query(description="Name to save it under")] = None,
) -> FileResponse:
    """Return the file as it was uploaded."""
    return _download(*await service.find_file(session, lake, sequence_id, name))


@router.get(
    "/sequence/{sequence_id}/header", response_class=FileResponse, summary="Download an MRD header"
)
async def get_sequence_header(
    sequence_id: SequenceId,
    session: SessionDep,
    lake: LakeDep,
    name: Annotated[ShortText | None, Query(description="Name to save it under")] = None,
) -> FileResponse:
    """Return the MRD header that was uploaded with a sequence."""
    return _download(*await service.find_header(session, lake, sequence_id, name))


def _download(path: object, name: str) -> FileResponse:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return FileResponse(
        str(path), media_type="application/octet-stream", filename=name, headers=headers
    )


@router.put("/sequence/{sequence_id}", summary="Change what is said of a sequence")
async def update_sequence(
    sequence_id: SequenceId, body: BaseMRISequence, session: SessionDep, now: NowDep
) -> MRISequenceOut:
    """Replace name, description, type and tags."""
    return await service.update_sequence(session, sequence_id, body, now=now)


@router.delete(
    "/sequence/{sequence_id}", status_code=http.HTTP_202_ACCEPTED, summary="Delete a sequence"
)
async def delete_sequence(
    sequence_id: SequenceId, session: SessionDep, lake: LakeDep, background: BackgroundTasks
) -> None:
    """Delete a sequence that no task uses."""
    for key in await service.delete_sequence(session, sequence_id):
        background.add_task(lake.delete, key)
