"""HTTP route of streams."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from device_manager.certificates.asking import check_certificate
from device_manager.streams.desk import StreamDesk
from scanhub_libraries.openapi import may_answer
from scanhub_libraries.web import PrincipalDep

router = APIRouter(prefix="/api/v1/device", tags=["streams"])


async def get_stream_desk(request: Request) -> StreamDesk:
    """Return the desk of the running service."""
    desk: StreamDesk = request.app.state.streams
    return desk


StreamDeskDep = Annotated[StreamDesk, Depends(get_stream_desk)]


@router.post(
    "/acquisitions/{acquisition_id}/stream",
    summary="Send the readouts of a scan while they are acquired",
    status_code=204,
    dependencies=[Depends(check_certificate)],
    responses=may_answer(404, 408, 409, 410, 413, 507),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {
                    "schema": {
                        "type": "string",
                        "format": "binary",
                        "examples": ["messages of the MRD streaming protocol"],
                    }
                }
            },
        }
    },
)
async def stream_acquisitions(
    acquisition_id: UUID, request: Request, desk: StreamDeskDep, principal: PrincipalDep
) -> None:
    """Take a session of the MRD streaming protocol: HEADER, ACQUISITION for each readout, CLOSE.

    One request lasts as long as the scan, with a chunked body. It is for previews alone: whatever
    becomes of it, the file of the scan has to be uploaded.
    """
    await desk.receive(acquisition_id, principal, request.receive)
