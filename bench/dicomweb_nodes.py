"""Nodes with DICOMweb, ours and Orthanc with its plugin; a bare server beside them; a client."""

import asyncio
import base64
import json
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import httpx

from scanhub.demo.data import DemoApi
from scanhub.demo.processes import free_port, start

_PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
OURS, ORTHANC, BARE = "ours", "Orthanc", "a bare server"
DICOM_PARTS = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_BOUNDARY = "frontier"
_BASIC = base64.b64encode(b"bench:bench").decode()
_READY_S = 60.0
_KEPT_S = 0.3
"""After that long Orthanc closes a connection; it is opened anew, outside of what is timed [s]."""


@dataclass(frozen=True, slots=True)
class Node:
    """A server with DICOMweb."""

    name: str
    port: int
    prefix: str
    authorization: str
    dicom_port: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came, and how long it took from the first byte sent to the last one read."""

    content_type: str
    body: bytes
    seconds: float


class Client:
    """One kept-alive connection; the same for both, and as cheap as Python has it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._connection = HTTPConnection("127.0.0.1", node.port, timeout=120)
        self._used = 0.0

    def get(self, path: str, accept: str = "application/dicom+json") -> Answer:
        """Read a resource."""
        return self._ask("GET", path, {"Accept": accept}, None)

    def store(self, images: Sequence[bytes]) -> Answer:
        """Store instances with one request."""
        head = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        body = b"".join(head + image + b"\r\n" for image in images)
        body += f"--{_BOUNDARY}--\r\n".encode()
        kind = f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}'
        headers = {"Content-Type": kind, "Accept": "application/dicom+json"}
        return self._ask("POST", "/studies", headers, body)

    def another(self) -> "Client":
        """Return a further client of the same node."""
        return Client(self._node)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answer:
        headers = {**headers, "Authorization": self._node.authorization}
        if time.monotonic() - self._used > _KEPT_S:
            self._connection.close()
            self._connection.connect()
        began = time.perf_counter()
        self._connection.request(method, f"{self._node.prefix}{path}", body, headers)
        response = self._connection.getresponse()
        content = response.read()
        took = time.perf_counter() - began
        self._used = time.monotonic()
        if response.status != 200:  # noqa: PLR2004 - anything else is not what was asked for
            raise RuntimeError(f"{self._node.name}: {path} {response.status} {content[:200]!r}")
        return Answer(response.headers.get("Content-Type", ""), content, took)


def parts_of(answer: Answer) -> list[bytes]:
    """Return the contents of the parts, by the lengths that they tell."""
    boundary = answer.content_type.split("boundary=")[1].split(";")[0].strip('"').encode()
    found, here = [], answer.body.find(b"--" + boundary)
    while not answer.body.startswith(b"--", here + len(boundary) + 2):
        start = answer.body.index(b"\r\n\r\n", here) + 4
        head = answer.body[here:start].lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        found.append(answer.body[start : start + length])
        here = answer.body.index(b"--" + boundary, start + length)
    return found


# --- nodes ----------------------------------------------------------------------------------------


@asynccontextmanager
async def our_node(folder: Path) -> AsyncIterator[Node]:
    """Serve the whole platform on the data of a folder."""
    port, dicom_port = free_port(), free_port()
    arguments = ["scanhub", "serve", "--data-dir", str(folder / "data"), "--port", str(port)]
    server = await start("server", [*arguments, "--dicom-port", str(dicom_port)], folder)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:

            async def ready() -> bool:
                server.check_alive()
                return (await http.get("/api/v1/workflowmanager/health/readiness")).is_success

            await _until(ready)
            api = DemoApi(http)
            await api.log_in()
        prefix = "/api/v1/workflowmanager/dicomweb"
        yield Node(OURS, port, prefix, f"Bearer {api.token}", dicom_port)
    finally:
        await server.stop()


def database_of(folder: Path) -> Path:
    """Where our node has its index."""
    path = folder / "data" / "databases" / "workflow-manager.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@asynccontextmanager
async def orthanc(
    folder: Path, fill: Callable[[int], None] | None = None
) -> AsyncIterator[Node | None]:
    """Serve Orthanc as it comes, with a login; None where it is not installed.

    Args:
        folder: Where its data go.
        fill: Brings images to its port, before; it need not sync them then.
    """
    program = shutil.which("Orthanc", path="/usr/bin:/usr/sbin:/usr/local/bin")
    if program is None:
        yield None
        return
    await asyncio.to_thread(folder.mkdir, parents=True)
    if fill is not None:
        async with _orthanc(program, folder, {"SyncStorageArea": False}) as port:
            await asyncio.to_thread(fill, port)
    async with _orthanc(program, folder, {}) as port:
        yield Node(ORTHANC, port, "/dicom-web", f"Basic {_BASIC}")


@asynccontextmanager
async def _orthanc(program: str, folder: Path, settings: dict[str, object]) -> AsyncIterator[int]:
    port = free_port()
    path = folder / "orthanc.json"
    path.write_text(json.dumps({**_orthanc_settings(folder, port), **settings}))
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(program, str(path), stdout=log, stderr=log)
    try:
        async with httpx.AsyncClient(headers={"Authorization": f"Basic {_BASIC}"}) as http:

            async def ready() -> bool:
                return (await http.get(f"http://127.0.0.1:{port}/system")).is_success

            await _until(ready)
        yield port
    finally:
        process.terminate()
        await process.wait()


def _orthanc_settings(folder: Path, port: int) -> dict[str, object]:
    return {
        "StorageDirectory": str(folder / "in"),
        "IndexDirectory": str(folder / "index"),
        "HttpPort": port,
        "DicomPort": free_port(),
        "RemoteAccessAllowed": False,
        "KeepAlive": True,  # as it comes; said so that no other package decides otherwise
        "TcpNoDelay": True,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {"bench": "bench"},
        "Plugins": [_PLUGIN],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }


@asynccontextmanager
async def bare_server(folder: Path, size: int) -> AsyncIterator[Node]:
    """Serve so many bytes with the HTTP server that is ours too, and nothing around it."""
    port = free_port()
    server = await start("bare", ["bench.dicomweb_floor", str(port), str(size)], folder)
    try:
        async with httpx.AsyncClient() as http:

            async def ready() -> bool:
                server.check_alive()
                return (await http.head(f"http://127.0.0.1:{port}/")).is_success

            await _until(ready)
        yield Node(BARE, port, "", "")
    finally:
        await server.stop()


async def _until(ready: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + _READY_S
    while True:
        try:
            if await ready():
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError("a node did not become ready")
        await asyncio.sleep(0.05)
