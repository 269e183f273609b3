"""Images into a server that is measured, over DICOMweb."""

from collections.abc import Sequence

from scanhub.demo.data import DemoApi

_BOUNDARY = "bench"


async def store(api: DemoApi, parts: Sequence[bytes]) -> None:
    """Store images with one request; all of them, or it fails.

    Args:
        api: The server, with somebody who is logged in.
        parts: Files.
    """
    head = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = b"".join(head + part + b"\r\n" for part in parts) + f"--{_BOUNDARY}--\r\n".encode()
    kind = f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}'
    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": kind}
    answer = await api.http.post(
        "/api/v1/workflowmanager/dicomweb/studies", content=body, headers=headers
    )
    answer.raise_for_status()
