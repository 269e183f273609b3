"""A bucket of an S3 service, Amazon's or another one: whole objects, or none. Blocking calls."""

import errno
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store
from pydantic import BaseModel, ConfigDict, SecretStr

from scanhub_libraries.ids import new_id

if TYPE_CHECKING:  # there is no such class when it runs
    from obstore.store import ClientConfig, S3Config

_PART_BYTES: Final = 16 << 20
"""An object may have 10,000 parts: 160 GB [byte]."""
_AT_ONCE: Final = 4
_READ_BYTES: Final = 4 << 20
_SHA256: Final = "sha256"
_ANSWER: Final = timedelta(seconds=60)
_LONGEST: Final = timedelta(hours=4)
"""Of one request: a large object is read with one."""
_CONNECT: Final = timedelta(seconds=5)
_RETRIES: Final = 5
_GIVE_UP: Final = timedelta(seconds=20)


class BucketOptions(BaseModel):
    """Which bucket, where, and who asks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    prefix: str = ""
    endpoint: str | None = None
    """None: Amazon's."""
    region: str = "us-east-1"
    access_key_id: str | None = None
    """None: as the environment or the machine says (AWS_*, a role)."""
    secret_access_key: SecretStr | None = None
    cache_bytes: int = 100 << 30
    """How much of it may lie on the disk of a process as copies [byte]."""


class BucketError(OSError):
    """The bucket did not do what it was asked for; the text says why, for a person."""


@dataclass(frozen=True, slots=True)
class BucketFile:
    """An object as the service tells of it."""

    key: str
    size_bytes: int
    modified_at: datetime


class Bucket:
    """The objects of a bucket below a prefix, by their keys.

    An object appears when all of it has come, with the checksum of what was sent; a large one goes
    in parts, of which nobody sees anything before the last one.

    Raises:
        BucketError: Of every method: nobody answers, or the login is refused.
    """

    def __init__(self, options: BucketOptions) -> None:
        self.options = options
        config: S3Config = {"region": options.region, "checksum_algorithm": "sha256"}
        if options.endpoint is not None:
            config["endpoint"] = options.endpoint
        if options.access_key_id is not None:
            secret = options.secret_access_key
            config["access_key_id"] = options.access_key_id
            config["secret_access_key"] = secret.get_secret_value() if secret else ""
        client: ClientConfig = {
            "connect_timeout": _CONNECT,
            "read_timeout": _ANSWER,
            "timeout": _LONGEST,
            "allow_http": True,
        }
        with self._telling():
            self._store = S3Store(
                options.name,
                prefix=options.prefix.strip("/") or None,
                config=config,
                client_options=client,
                retry_config={"max_retries": _RETRIES, "retry_timeout": _GIVE_UP},
            )

    def find(self, key: str) -> BucketFile | None:
        """Return what there is under a key; None: nothing."""
        with self._telling():
            try:
                return _file(obstore.head(self._store, key))
            except FileNotFoundError:
                return None

    def put_file(self, key: str, path: Path, sha256: str) -> BucketFile:
        """Store a local file, whole or not at all.

        Args:
            key: Under which name.
            path: What.
            sha256: Its checksum, kept with it [hexadecimal].
        """
        with self._telling():
            obstore.put(
                self._store,
                key,
                path,
                attributes={_SHA256: sha256},
                chunk_size=_PART_BYTES,
                max_concurrency=_AT_ONCE,
            )
        stored = self.find(key)
        if stored is None or stored.size_bytes != path.stat().st_size:
            raise BucketError(errno.EIO, f"{self} does not have what it just took: {key}")
        return stored

    def get_file(self, key: str, target: Path) -> BucketFile | None:
        """Read an object into a new local file, which is whole or not there; None: no object.

        Its bytes are compared with the checksum that was stored with it.
        """
        part = target.with_name(f".{target.name}.{new_id()}.part")
        with self._telling():
            try:
                found = obstore.get(self._store, key)
            except FileNotFoundError:
                return None
            part.parent.mkdir(parents=True, exist_ok=True)
            try:
                sha256, size = hashlib.sha256(), 0
                with part.open("xb") as file:
                    for block in found.stream(min_chunk_size=_READ_BYTES):
                        view = memoryview(block)
                        sha256.update(view)
                        size += file.write(view)
                self._check(key, size, sha256.hexdigest(), found)
                part.rename(target)
            finally:
                part.unlink(missing_ok=True)
            return _file(found.meta)

    def _check(self, key: str, size: int, sha256: str, found: "obstore.GetResult") -> None:
        if size != found.meta["size"] or found.attributes.get(_SHA256, sha256) != sha256:
            raise BucketError(errno.EIO, f"{self} gave {key} damaged: ask again")

    def files(self, prefix: str) -> Iterator[BucketFile]:
        """Yield all objects below a folder, in no order."""
        with self._telling():
            for found in obstore.list(self._store, prefix=f"{prefix}/"):
                yield from (_file(each) for each in found)

    def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders right below a folder."""
        with self._telling():
            found = obstore.list_with_delimiter(self._store, prefix=f"{prefix}/")
        return [path.rstrip("/").rsplit("/", 1)[-1] for path in found["common_prefixes"]]

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects, as far as they are there."""
        gone = list(keys)
        with self._telling():
            if gone:
                obstore.delete(self._store, gone)

    def probe(self) -> None:
        """Write an object, read it, and remove it."""
        key, text = f"lake/.probe-{new_id().hex}", b"scanhub"
        with self._telling():
            obstore.put(self._store, key, text)
            read = obstore.get(self._store, key).bytes().to_bytes()
            obstore.delete(self._store, key)
        if read != text:
            raise BucketError(errno.EIO, f"{self} does not give what it took")

    def __str__(self) -> str:
        return f"the bucket {self.options.name!r} at {self.options.endpoint or 'Amazon'}"

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Say in words for a person what the library found; nothing of what it was told."""
        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            raise BucketError(errno.EIO, self._why(error)) from error

    def _why(self, error: Exception) -> str:
        text = str(error)
        if isinstance(error, UnauthenticatedError | PermissionDeniedError):
            return f"{self} refuses the login: key id or secret is wrong, or may not do this"
        if "NoSuchBucket" in text:
            return f"there is no such bucket: {self}"
        if "error sending request" in text:
            return f"nobody answers for {self}"
        return f"{self} cannot be used ({type(error).__name__})"


def _file(meta: "obstore.ObjectMeta") -> BucketFile:
    return BucketFile(meta["path"], meta["size"], meta["last_modified"])
