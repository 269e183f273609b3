"""What the same HTTP server gives when it does nothing but send: the floor of WADO-RS.

One request is answered with bytes that lie in memory, from a bare application: no login, no
database, no files.
"""

import sys
from typing import Any

import uvicorn

_CHUNK = 1 << 20


def main() -> None:
    """Serve so many bytes at any path: `python -m bench.dicomweb_floor PORT BYTES`."""
    port, size = int(sys.argv[1]), int(sys.argv[2])
    content = memoryview(bytes(size))
    head = [(b"content-length", str(size).encode()), (b"content-type", b"multipart/related")]

    async def serve(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        await send({"type": "http.response.start", "status": 200, "headers": head})
        for begin in range(0, size, _CHUNK):
            body = content[begin : begin + _CHUNK]
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    uvicorn.run(
        serve, port=port, http="httptools", lifespan="off", log_level="warning", access_log=False
    )


if __name__ == "__main__":
    main()
