"""Routes of session data and files for jobs of the SDK while they run."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import Field, StringConstraints

from scanhub_jobs.backend import FileInfo
from scanhub_jobs.platform.documents import FileToStore, StoredBytes
from scanhub_libraries.file_answer import FileAnswer
from scanhub_libraries.models.fields import WithoutNul
from scanhub_libraries.openapi import may_answer
from scanhub_libraries.web import SessionDep
from workflow_manager.job_sessions import folders, repository, service
from workflow_manager.job_sessions.repository import Whose
from workflow_manager.job_sessions.routes import (
    PREFIX,
    ExecutionDep,
    JobName,
    WiringDep,
)

router = APIRouter(prefix=PREFIX, tags=["job sessions"])
upload_router = APIRouter(prefix=PREFIX, tags=["job sessions"])
ValueName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    WithoutNul,
    Query(description="Name of the value"),
]
FileName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=150, pattern=r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]*$"),
    Query(description="Name of the file, no path"),
]
_JSON: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Any JSON value of at most 1 MiB",
        "content": {"application/json": {"schema": {"examples": [{"volume_ml": 12.5}]}}},
    }
}
_BYTES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The bytes of a file",
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary", "examples": ["a volume"]}
            }
        },
    }
}
_ANY: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {}}}, "description": "The value"}
}


async def get_whose(
    execution: ExecutionDep,
    job: Annotated[JobName, Query(description="Who wrote it; empty: the job that asks")] = "",
    event: Annotated[
        str, Query(max_length=32, description="For which event, such as stable-series")
    ] = "",
    subject: Annotated[
        str, Query(max_length=64, description="UID of series or study, or key of the patient")
    ] = "",
) -> Whose:
    """Return whose data and files are meant."""
    return service.whose(execution, job, event, subject)


WhoseDep = Annotated[Whose, Depends(get_whose)]


@router.get("/data", summary="List the session data of a job")
async def list_job_values(session: SessionDep, whose: WhoseDep) -> list[str]:
    """Return the names of its values, for one subject."""
    return list(await repository.value_names(session, whose))


@router.get(
    "/value",
    summary="Return a value of session data",
    response_class=Response,
    responses=_ANY | may_answer(404),
)
async def get_job_value(session: SessionDep, whose: WhoseDep, name: ValueName) -> Response:
    """Return the JSON value as it was stored."""
    text = await service.read_value(session, whose, name)
    return Response(text, media_type="application/json")


@router.put(
    "/value",
    status_code=204,
    summary="Store a value of session data",
    responses=may_answer(413, 422),
    openapi_extra=_JSON,
)
async def put_job_value(
    request: Request, session: SessionDep, execution: ExecutionDep, name: ValueName
) -> None:
    """Store it in place of what was there, in one step."""
    text = await request.body()
    await service.write_value(session, service.own(execution), name, text)


@router.delete(
    "/value", status_code=204, summary="Remove a value of session data", responses=may_answer(404)
)
async def delete_job_value(session: SessionDep, execution: ExecutionDep, name: ValueName) -> None:
    """Remove a value of the job that asks."""
    await service.remove_value(session, service.own(execution), name)


@router.get("/files", summary="List the session files of a job")
async def list_job_files(session: SessionDep, whose: WhoseDep) -> list[FileInfo]:
    """Return what is known of its files, for one subject."""
    rows = await repository.list_files(session, whose[0], whose)
    return [service.describe_file(row) for row in rows]


@router.get("/file-info", summary="Return what is known of a file", responses=may_answer(404))
async def get_job_file_info(session: SessionDep, whose: WhoseDep, name: FileName) -> FileInfo:
    """Return size, SHA-256, type, time and what goes with it."""
    return service.describe_file(await service.get_file(session, whose, name))


@router.get(
    "/file",
    summary="Return a session file",
    response_class=FileResponse,
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "The file"},
        **may_answer(404),
    },
)
async def get_job_file(
    session: SessionDep, wiring: WiringDep, whose: WhoseDep, name: FileName
) -> FileAnswer:
    """Return its bytes."""
    row = await service.get_file(session, whose, name)
    path = folders.file_place(wiring.lake.root, row.session_id, row.key)
    return FileAnswer(path, media_type="application/octet-stream", filename=name)


@router.put("/file", summary="Store a session file", responses=may_answer(404, 422, 460))
async def put_job_file(
    execution: ExecutionDep, wiring: WiringDep, name: FileName, wanted: FileToStore
) -> FileInfo:
    """Make a file of bytes that came before, in place of one of the same name."""
    return await service.store_file(wiring, execution, name, wanted)


@router.delete("/file", status_code=204, summary="Remove a session file", responses=may_answer(404))
async def delete_job_file(execution: ExecutionDep, wiring: WiringDep, name: FileName) -> None:
    """Remove a file of the job that asks."""
    await service.remove_file(wiring, execution, name)


@upload_router.put(
    "/uploads/{upload}",
    summary="Take the bytes of a session file",
    responses=may_answer(413, 507),
    openapi_extra=_BYTES,
)
async def put_job_upload(
    request: Request,
    execution: ExecutionDep,
    wiring: WiringDep,
    upload: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="Any that is new")],
) -> StoredBytes:
    """Take them as they come, and say what came; sending them again begins anew."""
    return await service.receive(wiring, execution, upload, request.stream())
