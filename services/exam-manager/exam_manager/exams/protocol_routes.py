"""HTTP: exam templates as a library of protocols."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response, status
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from exam_manager.dependencies import LakeDep, NowDep, SessionsDep
from exam_manager.exams import (
    comparisons,
    protocol_export,
    protocol_import,
    protocol_library,
    protocols,
)
from exam_manager.exams.protocol_file import read_file
from exam_manager.lake_sweep import mark_key
from exam_manager.pages import PageDep
from exam_manager.sequences.reader import SequenceReader
from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.models import (
    ExamDeviations,
    ExamOut,
    ImportedProtocols,
    ProtocolDiff,
    ProtocolOut,
    ProtocolsFile,
    ProtocolVersionOut,
    ReleaseProtocol,
)
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.versions import etag
from scanhub_libraries.web import IfMatchDep, PrincipalDep, SessionDep

router = APIRouter(prefix="/api/v1/exam", tags=["protocols"])
_AT_ONCE = 100
_MOST_ERRORS = 50


class _JSONFile(Response):
    media_type = "application/json"


_IMPORT_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/ProtocolsFile"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "examples": [{"file": "protocols-2026-03-02.json"}],
                "properties": {
                    "file": {"type": "string", "format": "binary", "description": "An export"}
                },
            }
        },
    },
}


async def _file_in(request: Request) -> ProtocolsFile:
    """Return the file of a request, read beside the event loop."""
    data = await _uploaded(request)
    try:
        return await asyncio.to_thread(read_file, data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        raise RequestValidationError(
            [{**item, "loc": ("body", *item["loc"])} for item in found[:_MOST_ERRORS]]
        ) from error


async def _uploaded(request: Request) -> bytes:
    if not request.headers.get("Content-Type", "").startswith("multipart/form-data"):
        return await request.body()
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if isinstance(file, UploadFile):
            return await file.read()
    raise UnprocessableError("file: send the file of protocols as this part.", field="file")


async def _reader(request: Request) -> SequenceReader:
    reader: SequenceReader = request.app.state.read_sequence
    return reader


@router.get("/protocols", summary="The library of protocols")
async def list_protocols(
    *,
    session: SessionDep,
    page: PageDep,
    request: Request,
    response: Response,
    search: Annotated[ShortText | None, Query(description="Words in name or description")] = None,
    released: Annotated[
        bool | None, Query(description="Only with, or only without, a version to make exams from")
    ] = None,
) -> list[ProtocolOut]:
    """Return protocols by name, without trees; `after` is the `exam_id` of a newest version."""
    page = page.bounded(_AT_ONCE)
    found = await protocol_library.list_protocols(session, page, search=search, released=released)
    return page.cut(found, lambda item: item.newest.exam_id, request, response)


@router.get(
    "/protocols/export",
    response_class=_JSONFile,
    responses={200: {"model": ProtocolsFile, "description": "A file to import elsewhere"}},
    summary="Export protocols",
)
async def export_protocols(
    sessions: SessionsDep,
    lake: LakeDep,
    principal: PrincipalDep,
    now: NowDep,
    ids: Annotated[list[UUID], Query(min_length=1, max_length=200, description="protocol_id")],
) -> Response:
    """Return of each protocol the newest released version, else its newest, with the sequences."""
    content = await protocol_export.export_protocols(
        sessions, lake, ids, principal=principal, now=now
    )
    return _attachment(content, f"protocols-{now:%Y-%m-%d}.json")


@router.get(
    "/templates/{exam_id}/export",
    response_class=_JSONFile,
    responses={200: {"model": ProtocolsFile, "description": "A file to import elsewhere"}},
    summary="Export one version of a protocol",
)
async def export_template(
    exam_id: UUID, sessions: SessionsDep, lake: LakeDep, principal: PrincipalDep, now: NowDep
) -> Response:
    """Return an exam template with the sequences that it uses, in one JSON file."""
    content = await protocol_export.export_versions(
        sessions, lake, [exam_id], principal=principal, now=now
    )
    return _attachment(content, f"protocol-{exam_id}.json")


def _attachment(content: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return _JSONFile(content, headers=headers)


@router.post(
    "/protocols/import",
    status_code=status.HTTP_201_CREATED,
    summary="Import protocols from a file",
    openapi_extra={"requestBody": _IMPORT_BODY},
)
async def import_protocols(
    *,
    file: Annotated[ProtocolsFile, Depends(_file_in)],
    background: BackgroundTasks,
    reader: Annotated[SequenceReader, Depends(_reader)],
    sessions: SessionsDep,
    session: SessionDep,
    lake: LakeDep,
    principal: PrincipalDep,
    now: NowDep,
    as_versions: Annotated[
        bool, Query(description="A protocol that is known here gets its next version")
    ] = False,
) -> ImportedProtocols:
    """Make drafts of all protocols of a file, or none; an error names its place in the file.

    The file is the body, or the part `file` of a form. A sequence that is here already is used as
    it is, and its notes say where it differs.
    """
    checked = await protocol_import.check_file(sessions, reader, file, as_versions=as_versions)
    made = await protocol_import.write_file(
        session, lake, checked, as_versions=as_versions, creator=principal.subject, now=now
    )
    for sequence in made.sequences:
        background.add_task(lake.delete, mark_key(sequence.sequence_id))
    return made


@router.get("/templates/diff", summary="Compare two exam templates")
async def compare_templates(
    session: SessionDep, left: Annotated[UUID, Query()], right: Annotated[UUID, Query()]
) -> ProtocolDiff:
    """Return what was added, removed, moved and changed from left to right."""
    return await comparisons.compare_templates(session, left, right)


@router.get("/templates/{exam_id}/versions", summary="The versions of a protocol")
async def list_versions(
    exam_id: UUID, session: SessionDep, page: PageDep, request: Request, response: Response
) -> list[ProtocolVersionOut]:
    """Return every version of the protocol that a template is one of, newest first."""
    found = await protocol_library.list_versions(session, exam_id, page)
    return page.cut(found, lambda item: item.exam_id, request, response)


@router.post("/templates/{exam_id}/release", summary="Release a version of a protocol")
async def release_template(
    *,
    exam_id: UUID,
    body: ReleaseProtocol,
    session: SessionDep,
    principal: PrincipalDep,
    now: NowDep,
    response: Response,
    if_match: IfMatchDep = None,
) -> ExamOut:
    """Freeze an exam template; a refusal names every reason (422)."""
    released = await protocols.release_version(
        session,
        exam_id,
        comment=body.comment,
        actor=principal.subject,
        if_match=if_match,
        now=now,
    )
    response.headers.update(etag(released.version))
    return released


@router.post("/templates/{exam_id}/retire", summary="Retire a version of a protocol")
async def retire_template(
    exam_id: UUID, session: SessionDep, now: NowDep, if_match: IfMatchDep = None
) -> ExamOut:
    """Let no new exams be made from a released version; it stays readable."""
    return await protocols.retire_version(session, exam_id, if_match=if_match, now=now)


@router.post(
    "/templates/{exam_id}/revise",
    status_code=status.HTTP_201_CREATED,
    summary="Make the next version of a protocol",
)
async def revise_template(
    exam_id: UUID, session: SessionDep, principal: PrincipalDep, now: NowDep
) -> ExamOut:
    """Copy a released version into a new draft, with its whole tree."""
    return await protocols.revise_version(session, exam_id, creator=principal.subject, now=now)


@router.get("/{exam_id}/deviations", summary="Where an exam deviates from its template")
async def get_deviations(exam_id: UUID, session: SessionDep) -> ExamDeviations:
    """Return edited values, and what was added, removed or moved against the template."""
    return await comparisons.read_deviations(session, exam_id)
