"""HTTP: /api/v1/exam/sequence."""

import asyncio
from pathlib import Path as FilePath
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
    Response,
    UploadFile,
)
from fastapi import status as http
from fastapi.responses import StreamingResponse

from exam_manager.dependencies import LakeDep, NowDep, PlotterDep, SessionsDep
from exam_manager.lake_sweep import mark_key
from exam_manager.pages import NamedPageDep, PageDep
from exam_manager.sequences import catalog, plots, rules, service
from exam_manager.sequences.catalog import Filter
from exam_manager.sequences.reader import SequenceReader
from exam_manager.sequences.service import UploadedFile
from scanhub_libraries.database import transaction
from scanhub_libraries.file_answer import FileAnswer
from scanhub_libraries.models import (
    BaseMRISequence,
    MRISequenceCreated,
    MRISequenceOut,
    SequenceDiff,
    SequenceUse,
)
from scanhub_libraries.models.fields import Name, ShortText, Text
from scanhub_libraries.versions import etag
from scanhub_libraries.web import IfMatchDep, PrincipalDep, SessionDep

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


@router.post(
    "/sequence",
    status_code=http.HTTP_201_CREATED,
    response_model=MRISequenceCreated,
    summary="Upload a sequence",
)
async def create_sequence(
    *,
    seq_file: Annotated[UploadFile, File(description="Pulseq file, at most 64 MiB")],
    body: Annotated[BaseMRISequence, Depends(_sequence_in)],
    reader: Annotated[SequenceReader, Depends(_reader)],
    sessions: SessionsDep,
    lake: LakeDep,
    now: NowDep,
    background: BackgroundTasks,
    plotter: PlotterDep,
    xml_file: Annotated[UploadFile | None, File(description="MRD header")] = None,
    version_of: Annotated[
        ShortText | None, Form(description="Any version of the sequence this is the next one of")
    ] = None,
) -> Response:
    """Store a Pulseq file that can be read; an error names the line."""
    seq, header = await _read(seq_file, "seq_file"), None
    if xml_file is not None:
        header = await _read(xml_file, "xml_file")
    # Over before the answer is written out, which may have 64 MiB.
    async with transaction(sessions) as session:
        made = await service.create_sequence(
            *(session, lake, reader, body),
            seq_file=seq,
            xml_file=header,
            version_of=version_of,
            now=now,
        )
    background.add_task(lake.delete, mark_key(made.id))
    background.add_task(plots.prepare, plotter, made)
    return await _with_text(made, http.HTTP_201_CREATED)


async def _with_text(sequence: MRISequenceOut, status: int = http.HTTP_200_OK) -> Response:
    """Render a sequence beside the event loop: its text may have 64 MiB."""
    document = await asyncio.to_thread(sequence.model_dump_json, by_alias=True)
    return Response(document, status, etag(sequence.version), "application/json")


async def _filter(
    search: Annotated[
        ShortText | None, Query(description="Words in name, description, type or tags")
    ] = None,
    sequence_type: Annotated[ShortText | None, Query(description="Only of this type")] = None,
    tag: Annotated[ShortText | None, Query(description="Only with this tag")] = None,
    newest: Annotated[bool, Query(description="Only the newest version of each")] = False,
) -> Filter:
    return Filter(search, sequence_type, tag, newest)


@router.get("/sequences/all", summary="All sequences, or those a search finds")
async def list_sequences(
    session: SessionDep,
    request: Request,
    response: Response,
    page: NamedPageDep,
    wanted: Annotated[Filter, Depends(_filter)],
) -> list[MRISequenceOut]:
    """Return sequences by name, without their files."""
    found = await catalog.list_sequences(session, wanted, after=page.after, limit=page.fetch)
    return page.cut(found, lambda sequence: sequence.id, request, response)


@router.get("/sequences/diff", summary="Two sequences side by side")
async def diff_sequences(
    session: SessionDep,
    left: Annotated[ShortText, Query(description="Id of one sequence")],
    right: Annotated[ShortText, Query(description="Id of the other one")],
) -> SequenceDiff:
    """Return every fact and every definition of both, and which of them differ."""
    return await catalog.compare(session, left, right)


@router.get("/sequence/{sequence_id}/versions", summary="The versions of a sequence")
async def list_sequence_versions(
    sequence_id: SequenceId, session: SessionDep
) -> list[MRISequenceOut]:
    """Return all versions, newest first, without their files."""
    return await catalog.list_versions(session, sequence_id)


@router.get("/sequence/{sequence_id}/tasks", summary="The tasks that use a sequence")
async def list_sequence_tasks(
    *,
    sequence_id: SequenceId,
    session: SessionDep,
    request: Request,
    response: Response,
    page: PageDep,
    all_versions: Annotated[bool, Query(description="Also those of its other versions")] = False,
) -> list[SequenceUse]:
    """Return tasks and their exams, newest first."""
    found = await catalog.list_uses(
        session, sequence_id, all_versions=all_versions, after=page.after, limit=page.fetch
    )
    return page.cut(found, lambda use: use.task_id, request, response)


@router.get(
    "/sequence/{sequence_id}", response_model=MRISequenceOut, summary="One sequence with its text"
)
async def get_sequence(
    sequence_id: SequenceId, sessions: SessionsDep, lake: LakeDep, principal: PrincipalDep
) -> Response:
    """Return a sequence with the text of its file."""
    return await _with_text(
        await service.read_sequence(sessions, lake, sequence_id, principal=principal)
    )


@router.get(
    "/sequence/{sequence_id}/file", response_class=StreamingResponse, summary="Download a sequence"
)
async def get_sequence_file(
    sequence_id: SequenceId,
    session: SessionDep,
    lake: LakeDep,
    name: Annotated[ShortText | None, Query(description="Name to save it under")] = None,
) -> FileAnswer:
    """Return the file as it was uploaded."""
    return _download(*await service.find_file(session, lake, sequence_id, name))


@router.get(
    "/sequence/{sequence_id}/header",
    response_class=StreamingResponse,
    summary="Download an MRD header",
)
async def get_sequence_header(
    sequence_id: SequenceId,
    session: SessionDep,
    lake: LakeDep,
    name: Annotated[ShortText | None, Query(description="Name to save it under")] = None,
) -> FileAnswer:
    """Return the MRD header that was uploaded with a sequence."""
    return _download(*await service.find_header(session, lake, sequence_id, name))


def _download(path: FilePath, name: str) -> FileAnswer:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return FileAnswer(path, media_type="application/octet-stream", filename=name, headers=headers)


@router.put("/sequence/{sequence_id}", summary="Change what is said of a sequence")
async def update_sequence(
    *,
    sequence_id: SequenceId,
    body: BaseMRISequence,
    session: SessionDep,
    now: NowDep,
    response: Response,
    if_match: IfMatchDep = None,
) -> MRISequenceOut:
    """Replace name, description, type and tags; what is left out is cleared."""
    changed = await service.update_sequence(session, sequence_id, body, if_match=if_match, now=now)
    response.headers.update(etag(changed.version))
    return changed


@router.delete(
    "/sequence/{sequence_id}", status_code=http.HTTP_202_ACCEPTED, summary="Delete a sequence"
)
async def delete_sequence(
    *,
    sequence_id: SequenceId,
    session: SessionDep,
    lake: LakeDep,
    background: BackgroundTasks,
    plotter: PlotterDep,
) -> None:
    """Delete a sequence that no task uses."""
    for key in await service.delete_sequence(session, sequence_id):
        background.add_task(plotter.forget, key)
        background.add_task(lake.delete, key)
