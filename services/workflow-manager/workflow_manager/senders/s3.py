"""A bucket of an S3 service, Amazon's or another one."""

import asyncio
from datetime import timedelta
from secrets import token_hex
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import (
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from scanhub_libraries.models import TargetStep
from scanhub_libraries.models.target import S3Target
from workflow_manager.senders.folder import COMPLETE
from workflow_manager.senders.port import Item, Pace, SendReport, Shipment

if TYPE_CHECKING:  # there is no such class when it runs
    from obstore.store import ClientConfig, S3Config

_PART_BYTES = 8 * 2**20
_NO_LOGIN = "The service refuses the login: key id or secret is wrong, or may not do this."
_AT_ONCE = 2
"""Parts of one file under way: what a file takes in memory is their size."""


class S3Sender:
    """Uploads to `<prefix>/<id of the dispatch>/<name>`; an object appears whole."""

    whole = False

    def __init__(
        self, target: S3Target, pace: Pace, *, connect_timeout_s: float, timeout_s: float
    ) -> None:
        self._target = target
        self._pace = pace
        self._client: ClientConfig = {
            "connect_timeout": timedelta(seconds=connect_timeout_s),
            "timeout": timedelta(seconds=max(timeout_s, 30.0)),
            "allow_http": True,
        }

    async def send(self, shipment: Shipment, report: SendReport) -> None:
        """Upload one object after the other."""
        try:
            store = self._store()
        except BaseError as error:
            report.fail_rest(shipment.items, why(error, self._target))
            return
        for item in shipment.items:
            if report.stop.is_set():
                return
            try:
                await self._put(store, str(shipment.id), item)
            except (BaseError, OSError) as error:
                report.failed[item.sop_instance_uid] = why(error, self._target)
            else:
                report.sent.append(item.sop_instance_uid)
        if not report.failed:
            try:
                await obstore.put_async(store, f"{shipment.id}/{COMPLETE}", b"")
            except (BaseError, OSError) as error:  # without that word it does not count
                report.sent.clear()
                report.fail_rest(shipment.items, why(error, self._target))

    async def test(self) -> list[TargetStep]:
        """Write an object, and delete it."""
        key, name = f".scanhub-test-{token_hex(8)}", "write"
        try:
            store = self._store()
            await obstore.put_async(store, key, b"")
            await obstore.delete_async(store, key)
        except (BaseError, OSError) as error:
            login = isinstance(error, UnauthenticatedError | PermissionDeniedError)
            detail = why(error, self._target)
            return [TargetStep(name="login" if login else name, ok=False, detail=detail)]
        return [TargetStep(name=name, ok=True, detail="Objects can be written there.")]

    def _store(self) -> S3Store:
        target = self._target
        secret = target.secret_access_key
        config: S3Config = {"region": target.region or "us-east-1"}
        if target.access_key_id:
            config["access_key_id"] = target.access_key_id
            config["secret_access_key"] = secret.get_secret_value() if secret else ""
        if target.endpoint_url:
            config["endpoint"] = target.endpoint_url
        return S3Store(
            target.bucket,
            prefix=target.prefix.strip("/") or None,
            config=config,
            client_options=self._client,
            retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=10)},
        )

    async def _put(self, store: S3Store, folder: str, item: Item) -> None:
        await self._pace.wait((await asyncio.to_thread(item.path.stat)).st_size)
        await obstore.put_async(
            store,
            f"{folder}/{item.name}",
            item.path,
            chunk_size=_PART_BYTES,
            max_concurrency=_AT_ONCE,
        )


def why(error: Exception, target: S3Target) -> str:
    """Tell what is wrong, for a person; never with what the service was told."""
    text = str(error)
    if isinstance(error, UnauthenticatedError | PermissionDeniedError):
        return _NO_LOGIN
    if isinstance(error, NotFoundError) or "NoSuchBucket" in text:
        return f"There is no bucket {target.bucket!r}."
    if isinstance(error, OSError) and not isinstance(error, BaseError):
        return f"A file cannot be read: {error.strerror}."
    place = target.endpoint_url or "Amazon"
    if "error sending request" in text:
        return f"Nobody answers at {place}."
    return f"The S3 service at {place} cannot be used: {type(error).__name__}."
