"""An S3 service of this machine with a bucket for a test, and a way to it that can be cut."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import boto3
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from scanhub_libraries.bucket import BucketOptions


@dataclass
class BucketService:
    """A bucket, as whoever owns the service sees it."""

    options: BucketOptions
    client: object = field(repr=False)

    def stored(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.options.name)
        return sorted(each["Key"] for each in found.get("Contents", ()))

    def parts_under_way(self) -> int:
        found = self.client.list_multipart_uploads(Bucket=self.options.name)
        return len(found.get("Uploads", ()))


@contextmanager
def bucket_services() -> Iterator[str]:
    """Run a service; yield its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def new_bucket(endpoint: str, name: str) -> BucketService:
    login = {"aws_access_key_id": "id", "aws_secret_access_key": "secret"}
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **login)
    client.create_bucket(Bucket=name)
    options = BucketOptions(
        name=name,
        prefix="hospital",
        endpoint=endpoint,
        access_key_id="id",
        secret_access_key=SecretStr("secret"),
    )
    return BucketService(options, client)


class Way:
    """A way to a service that ends after some bytes, or is not there at all.

    Args:
        endpoint: Where it leads.
    """

    def __init__(self, endpoint: str) -> None:
        self._to = endpoint.removeprefix("http://").split(":")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.open, self.left = True, 1 << 60
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self.open:
                    near.close()
                    continue
                far = socket.create_connection((self._to[0], int(self._to[1])))
                for ends in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while (data := source.recv(1 << 16)) and self.open:
                if counted:
                    self.left -= len(data)
                    if self.left < 0:
                        return  # held: neither carried nor closed
                target.sendall(data)
        source.close()
        target.close()

    def close(self) -> None:
        self.open = False
        self._listener.close()


async def until(reached, seconds: float = 30.0):
    async with asyncio.timeout(seconds):
        while not (found := await asyncio.to_thread(reached)):
            await asyncio.sleep(0.02)
        return found
