"""device-manager in a process that can be killed and stopped. Says its address when it answers.

Its argument is JSON: settings, the address of exam-manager, keys, the file for events.
"""

import asyncio
import gc
import json
import socket
import sys
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from device_manager.main import create_app
from device_manager.settings import DeviceManagerSettings
from scanhub_libraries.logging import configure_logging
from scanhub_libraries.security.tokens import TokenSigner, TokenVerifier


class Server(uvicorn.Server):
    """Says when it answers."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = sockets[0].getsockname()
            sys.stdout.write(f"{host}:{port}\n")
            sys.stdout.flush()


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


async def serve(told: dict[str, Any]) -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = DeviceManagerSettings(**{"token_key": "k" * 32, "node_url": url, **told["settings"]})
    private_pem, public_pem = told["keys"]
    signer = TokenSigner(private_pem)

    async def service_token() -> str:
        return signer.service_token("device-manager")

    async def deliver(batch: Any) -> None:
        lines = "".join(f"{event.model_dump_json()}\n" for event in batch)
        await asyncio.to_thread(append, Path(told["events"]), lines)

    async with httpx.AsyncClient(base_url=told["exam_manager"], timeout=10) as exam_manager:
        app = create_app(
            settings,
            exam_manager=exam_manager,
            deliver=deliver,
            service_token=service_token,
            verifier=TokenVerifier(public_pem),
            follow_revocations=False,
        )
        config = uvicorn.Config(
            app,
            lifespan="on",
            log_config=None,
            access_log=False,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=3,
        )
        await Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    configure_logging(json=True, level="INFO")
    gc.freeze()
    asyncio.run(serve(json.loads(sys.argv[1])))
