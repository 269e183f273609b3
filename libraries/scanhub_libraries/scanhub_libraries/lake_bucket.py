"""The lake with its results in a bucket: for machines without a folder that all of them see.

What lies below `lake/` (results of exams: raw data, images) is stored in the bucket, and a local
copy stays as long as there is room. All else is in the local folder, as without a bucket: what is
being written, uploads that are not whole, sequences, the DICOM archive, the folders of runs.

A file is written beside its place, as ever, and stored in the bucket when it is committed: it is
there whole or not at all, and counts before anything names it. What was written before there was a
bucket is found where it lies.
"""

import asyncio
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from hashlib import file_digest
from pathlib import Path
from typing import Final, TypeVar

from scanhub_libraries.bucket import Bucket, BucketError, BucketOptions
from scanhub_libraries.bucket_copies import COPIES_FOLDER, Copies
from scanhub_libraries.errors import NotFoundError, UnavailableError
from scanhub_libraries.lake import LocalLake, StoredFile
from scanhub_libraries.lake_part import LocalPartFile
from scanhub_libraries.lake_unfinished import UNFINISHED_FOLDER, LocalUnfinishedFile
from scanhub_libraries.logging import get_logger
from scanhub_libraries.threads import to_the_end

RESULTS: Final = "lake"
logger = get_logger(__name__)
_RETRY_AFTER_S: Final = 5
T = TypeVar("T")


def open_lake(root: Path, bucket: BucketOptions | None) -> LocalLake:
    """Return the lake of a process.

    Args:
        root: Its folder.
        bucket: Where results lie; None: in the folder too.
    """
    return LocalLake(root) if bucket is None else BucketLake(root, bucket)


def is_in_bucket(key: str) -> bool:
    """Say whether files of this key or folder are stored in the bucket."""
    return key.split("/", 1)[0] == RESULTS


class BucketLake(LocalLake):
    """A lake of which the results are in a bucket.

    Args:
        root: The local folder.
        options: The bucket.
    """

    def __init__(self, root: Path, options: BucketOptions) -> None:
        super().__init__(root)
        self.bucket = Bucket(options)
        folder = self.root / COPIES_FOLDER
        self._copies = Copies(folder, self.bucket, options.cache_bytes)
        self._copies_root = folder

    # --- written --------------------------------------------------------------------------------

    def writer(self, key: str) -> LocalPartFile:
        """Return a file to write under `key`."""
        place = self._resolve(key)
        if not is_in_bucket(key):
            return LocalPartFile(place)
        return _BucketPartFile(place, key, self.bucket, self._copies)

    def unfinished(self, name: str) -> LocalUnfinishedFile:
        """Return a file that comes in pieces; they gather on the local disk."""
        path = self._resolve(f"{UNFINISHED_FOLDER}/{name}.part")
        return _BucketUnfinishedFile(self.root, path, self.bucket, self._copies)

    async def publish(self, prefix: str) -> None:
        """Store the files of a local folder; what was stored by an earlier try is not there."""
        if is_in_bucket(prefix):
            await to_the_end(lambda: _answering(lambda: self._publish(prefix)))

    def _publish(self, prefix: str) -> None:
        folder = self._resolve(prefix)
        if not folder.is_dir():
            return
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            key = path.relative_to(self.root).as_posix()
            with path.open("rb") as file:
                sha256 = file_digest(file, "sha256").hexdigest()
            self._copies.adopt(path, self.bucket.put_file(key, path, sha256))
        shutil.rmtree(folder, ignore_errors=True)

    # --- read -----------------------------------------------------------------------------------

    def path(self, key: str) -> Path:
        """Return the path of a file, or of a folder with all its files: copies, made if need be.

        Raises:
            NotFoundError: There is none, or the key is no place in the lake.
            UnavailableError: The bucket does not answer, or the disk has no room for a copy.
        """
        local = self._resolve(key)
        if not is_in_bucket(key) or local.is_file():
            return super().path(key)
        return _answering(lambda: self._fetch(key, local))

    def _fetch(self, key: str, local: Path) -> Path:
        file = self.bucket.find(key)
        if file is not None:
            copy = self._copies.get(file)
            if copy is not None:
                return copy
        found = [self._copies.get(each) for each in self.bucket.files(key)]
        if any(copy is not None for copy in found):
            return self._copies.place(key)
        if local.exists():  # written before there was a bucket, or being written
            return local
        raise NotFoundError(f"There is no file {key!r} in the lake")

    def at_hand(self, path: Path) -> None:
        """Fetch anew what was removed since to make room.

        Raises:
            NotFoundError: It is not in the bucket any more.
            UnavailableError: The bucket does not answer, or the disk has no room for a copy.
        """
        if path.is_relative_to(self._copies_root):
            self.path(path.relative_to(self._copies_root).as_posix())

    def exists(self, key: str) -> bool:
        """Say whether the file is there, whole.

        Raises:
            UnavailableError: The bucket does not answer.
        """
        if super().exists(key):
            return True
        return is_in_bucket(key) and _answering(lambda: self.bucket.find(key)) is not None

    async def read(self, key: str) -> bytes:
        """Return the bytes of a small file."""
        return await asyncio.to_thread(lambda: self.path(key).read_bytes())

    # --- listed and removed ---------------------------------------------------------------------

    def _list_files(self, prefix: str) -> list[StoredFile]:
        found = {file.key: file for file in super()._list_files(prefix)}
        if is_in_bucket(prefix):
            found |= {
                file.key: StoredFile(file.key, file.size_bytes, file.modified_at)
                for file in self.bucket.files(prefix)
            }
        return [found[key] for key in sorted(found)]

    def _list_folders(self, prefix: str) -> list[str]:
        found = super()._list_folders(prefix)
        if is_in_bucket(prefix):
            found = sorted({*found, *self.bucket.folders(prefix)})
        return found

    async def delete(self, key: str) -> None:
        """Remove a file, if it is there."""
        if is_in_bucket(key):
            await to_the_end(self._delete_stored, [key])
        await super().delete(key)

    async def delete_tree(self, prefix: str) -> None:
        """Remove a folder, if it is there; the sweep of the lake finds what cannot be removed."""
        if is_in_bucket(prefix):
            try:
                await to_the_end(self._delete_below, prefix)
            except BucketError as error:
                logger.warning("files stay in the bucket", folder=prefix, reason=error.strerror)
        await super().delete_tree(prefix)

    def _delete_below(self, prefix: str) -> None:
        self._delete_stored([file.key for file in self.bucket.files(prefix)])

    def _delete_stored(self, keys: list[str]) -> None:
        self.bucket.delete(keys)
        for key in keys:
            self._copies.forget(key)

    def _delete_empty(self, folder: Path) -> None:
        """Remove local folders only: a bucket has none."""
        with suppress(FileNotFoundError, NotADirectoryError):
            for each in [entry for entry in folder.iterdir() if entry.is_dir()]:
                self._delete_empty(each)
        with suppress(OSError):  # not empty, or gone
            folder.rmdir()


def _answering(ask: Callable[[], T]) -> T:
    """Ask the bucket for somebody who waits for the answer."""
    try:
        return ask()
    except BucketError as error:
        raise UnavailableError(
            f"The data lake does not answer: {error.strerror}.", retry_after=_RETRY_AFTER_S
        ) from error
    except OSError as error:
        raise UnavailableError(
            f"No copy can be made of what lies in the data lake ({error.strerror}): make room."
        ) from error


class _BucketPartFile(LocalPartFile):
    """A local `.part` file that is stored in the bucket when it is committed."""

    def __init__(self, target: Path, key: str, bucket: Bucket, copies: Copies) -> None:
        super().__init__(target)
        self._key = key
        self._bucket = bucket
        self._copies = copies

    def _commit(self) -> None:
        if self._file is None:
            raise ValueError("the part file is closed")
        if self._syncing is not None:
            self._syncing.result()
        stored = self._bucket.put_file(self._key, self._part, self.sha256)
        file, self._file = self._file, None
        os.close(file)
        self._copies.adopt(self._part, stored)


class _BucketUnfinishedFile(LocalUnfinishedFile):
    """A local file that comes in pieces, and is stored in the bucket when it is whole."""

    def __init__(self, root: Path, path: Path, bucket: Bucket, copies: Copies) -> None:
        super().__init__(root, path)
        self._bucket = bucket
        self._copies = copies

    async def publish(self, key: str) -> None:
        """Store it. It stays here too until somebody has noted that."""
        if not is_in_bucket(key):
            await super().publish(key)
            return
        sha256 = await self.sha256()
        await self._wait()
        await to_the_end(self._store, key, sha256)

    def _store(self, key: str, sha256: str) -> None:
        if self._lost is not None:
            self._sync_data()  # tells it
        self._copies.link(self._path, self._bucket.put_file(key, self._path, sha256))
