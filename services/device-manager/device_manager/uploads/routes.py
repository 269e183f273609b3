"""HTTP routes of uploads, after tus 1.0."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.routing import APIRoute

from device_manager.certificates.asking import check_certificate
from device_manager.links.commands import Feedback
from device_manager.uploads import tus
from device_manager.uploads.ahead import Ahead
from device_manager.uploads.answers import refused
from device_manager.uploads.models import Upload
from device_manager.uploads.piece import Body
from device_manager.uploads.reception import Reception
from device_manager.uploads.rules import result_id_of
from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.models import UploadOut
from scanhub_libraries.openapi import may_answer
from scanhub_libraries.web import PrincipalDep

_LARGEST = 2**63 - 1
_OFFSET = {"description": "How much of the file is there for good [byte]", "schema": {}}


class TusRoute(APIRoute):
    """A route whose every answer names the protocol, also a refusal."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with the header."""
        handle = super().get_route_handler()

        async def handle_tus(request: Request) -> Response:
            try:
                response = await handle(request)
            except ScanHubError as error:
                error.headers["Tus-Resumable"] = tus.VERSION
                raise
            response.headers["Tus-Resumable"] = tus.VERSION
            return response

        return handle_tus


router = APIRouter(prefix="/api/v1/device/uploads", tags=["uploads"], route_class=TusRoute)


async def get_reception(request: Request) -> Reception:
    """Return the reception of the running service."""
    reception: Reception = request.app.state.reception
    return reception


async def check_version(
    version: Annotated[
        str | None, Header(alias="Tus-Resumable", description="Version of the protocol: 1.0.0")
    ] = None,
) -> None:
    """Refuse another protocol."""
    tus.check_version(version)


ReceptionDep = Annotated[Reception, Depends(get_reception)]
_CERTIFICATE = [Depends(check_certificate)]
_TUS = [Depends(check_version), *_CERTIFICATE]
ContentType = Annotated[str | None, Header(alias="Content-Type", include_in_schema=False)]
ContentLength = Annotated[
    int | None, Header(alias="Content-Length", ge=0, le=_LARGEST, include_in_schema=False)
]
ChecksumHeader = Annotated[
    str | None,
    Header(
        alias="Upload-Checksum",
        description="Sum of this piece: `sha256` (or `sha1`), a blank, and the sum in Base64",
    ),
]

TrailerHeader = Annotated[
    str | None,
    Header(
        alias="Upload-Trailer",
        description="`sha256`: 32 bytes come behind the last byte of the file, its SHA-256. They "
        "count in Content-Length, not in Upload-Length",
    ),
]


@router.options("", summary="Say which parts of tus are known", status_code=204)
async def describe_uploads(reception: ReceptionDep) -> Response:
    """Return version, extensions and the largest size as headers."""
    headers = {
        "Tus-Version": tus.VERSION,
        "Tus-Extension": tus.EXTENSIONS,
        "Tus-Max-Size": str(reception.largest),
        "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
    }
    return Response(status_code=204, headers=headers)


@router.post(
    "",
    summary="Announce a file of a scan",
    status_code=201,
    response_class=Response,
    dependencies=_TUS,
    responses={
        201: {"headers": {"Location": {"schema": {"type": "string"}}, "Upload-Offset": _OFFSET}},
        **may_answer(400, 409, 410, 412, 413, 460, 507),
    },
)
async def announce_upload(
    *,
    request: Request,
    reception: ReceptionDep,
    principal: PrincipalDep,
    size_bytes: Annotated[
        int,
        Header(alias="Upload-Length", ge=0, le=_LARGEST, description="Size of the file [byte]"),
    ],
    metadata: Annotated[
        str,
        Header(
            alias="Upload-Metadata",
            description="Pairs of a key and a value in Base64: filename, sha256, content_type, "
            "task_id, device_parameter (JSON)",
        ),
    ],
    content_type: ContentType = None,
    length: ContentLength = None,
    trailer: TrailerHeader = None,
) -> Response:
    """Make room for a file. A file that was announced before goes on at `Upload-Offset`.

    Its first bytes may come along, as with PATCH.
    """
    about, follows = tus.parse_metadata(metadata), tus.parse_trailer(trailer)
    announce = partial(reception.announce, principal, about, size_bytes, checksum_follows=follows)
    if content_type != tus.CONTENT_TYPE:
        row, offset, verdict = await announce()
    else:
        async with Ahead(request.receive) as ahead:
            body = Body(ahead.receive, length, has_trailer=follows)
            row, offset, verdict = await announce(body=body)
    headers = {"Location": f"{router.prefix}/{row.id}"}
    return _answer(reception, row, offset, verdict, status=201, headers=headers)


@router.get("", summary="List the uploads that are not whole yet")
async def list_uploads(reception: ReceptionDep, device_id: UUID | None = None) -> list[UploadOut]:
    """Return what is on its way over HTTP, oldest first."""
    return [_out(reception, *item) for item in await reception.list_unfinished(device_id)]


@router.get(
    "/{upload_id}",
    summary="Return an upload",
    dependencies=_CERTIFICATE,
    responses=may_answer(410),
)
async def get_upload(
    upload_id: UUID, reception: ReceptionDep, principal: PrincipalDep
) -> UploadOut:
    """Return how far a file is, and which result it has made."""
    row, _lease = await reception.find(upload_id, principal)
    return _out(reception, row, await reception.offset(row))


@router.head(
    "/{upload_id}",
    summary="Ask from where to go on",
    response_class=Response,
    dependencies=_TUS,
    responses={200: {"headers": {"Upload-Offset": _OFFSET}}, **may_answer(410, 412, 460, 507)},
)
async def ask_upload(upload_id: UUID, reception: ReceptionDep, principal: PrincipalDep) -> Response:
    """Return `Upload-Offset`: what is there for good, also after a power cut."""
    row, offset = await reception.ask(upload_id, principal)
    return _answer(reception, row, offset, None, status=200, headers={})


@router.patch(
    "/{upload_id}",
    summary="Send a piece of a file",
    status_code=204,
    response_class=Response,
    dependencies=_TUS,
    responses={
        204: {"headers": {"Upload-Offset": _OFFSET}},
        **may_answer(400, 408, 409, 410, 412, 413, 415, 460, 507),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                tus.CONTENT_TYPE: {
                    "schema": {
                        "type": "string",
                        "format": "binary",
                        "examples": ["the bytes of the file, from Upload-Offset on"],
                    }
                }
            },
        }
    },
)
async def send_piece(
    *,
    upload_id: UUID,
    request: Request,
    reception: ReceptionDep,
    principal: PrincipalDep,
    offset: Annotated[
        int,
        Header(alias="Upload-Offset", ge=0, le=_LARGEST, description="Where the piece begins"),
    ],
    checksum: ChecksumHeader = None,
    trailer: TrailerHeader = None,
    content_type: ContentType = None,
    length: ContentLength = None,
) -> Response:
    """Append the body to the file. With its last byte the file is checked and becomes a result."""
    tus.check_content_type(content_type)
    body = Body(request.receive, length, tus.parse_checksum(checksum), tus.parse_trailer(trailer))
    row, come, verdict = await reception.receive(upload_id, principal, offset, body)
    return _answer(reception, row, come, verdict, status=204, headers={})


@router.delete(
    "/{upload_id}",
    summary="Give up an upload",
    status_code=204,
    dependencies=_TUS,
    responses=may_answer(409, 410, 412),
)
async def delete_upload(upload_id: UUID, reception: ReceptionDep, principal: PrincipalDep) -> None:
    """Remove what has come of a file that is no result yet."""
    await reception.remove(upload_id, principal)


def _answer(
    reception: Reception,
    row: Upload,
    offset: int,
    verdict: Feedback | None,
    *,
    status: int,
    headers: dict[str, str],
) -> Response:
    if verdict is not None and not verdict.ok:
        raise refused(verdict)
    headers = {**headers, "Upload-Offset": str(offset), "Upload-Length": str(row.size_bytes)}
    headers["Upload-Metadata"] = tus.write_metadata(
        filename=row.filename, content_type=row.content_type, sha256=row.sha256
    )
    if offset < row.size_bytes or row.awaits_checksum:
        headers["Upload-Expires"] = tus.http_date(row.touched_at + reception.expiry)
    else:
        headers["Upload-Result-Id"] = str(result_id_of(row.acquisition_id, row.filename))
    return Response(status_code=status, headers=headers)


def _out(reception: Reception, row: Upload, offset: int) -> UploadOut:
    expires: timedelta | None = reception.expiry if row.stored_at is None else None
    document = {
        **row.model_dump(),
        "offset": offset,
        "result_id": result_id_of(row.acquisition_id, row.filename),
        "expires_at": row.touched_at + expires if expires is not None else None,
    }
    return UploadOut.model_validate(document)
