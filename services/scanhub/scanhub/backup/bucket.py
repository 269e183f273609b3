"""What a backup notes of a bucket: which objects there are. They are not copied.

A bucket keeps its objects on several disks, has versions and copies of its own, and may be larger
than any disk: a backup says which of its objects belong to the databases, and a restore that they
are there.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scanhub.backup.place import BackupError, Manifest, read_lines
from scanhub_libraries.bucket import Bucket, BucketError, BucketOptions
from scanhub_libraries.lake_bucket import RESULTS

OBJECTS: Final = "bucket.jsonl"
Sizes = dict[str, int]
"""Objects by their keys, and how large they are [byte]."""


def list_bucket(options: BucketOptions | None) -> Sizes:
    """Return the results that are in the bucket of an installation; none without one.

    Raises:
        BackupError: It does not answer.
    """
    if options is None:
        return {}
    try:
        return {file.key: file.size_bytes for file in Bucket(options).files(RESULTS)}
    except BucketError as error:
        raise BackupError(f"The bucket cannot be listed: {error.strerror}.") from error


def write_objects(path: Path, objects: Sizes) -> None:
    """Write which objects there are."""
    with path.open("x", encoding="utf-8") as target:
        for key in sorted(objects):
            target.write(json.dumps({"key": key, "size": objects[key]}) + "\n")


def check_bucket(folder: Path, manifest: Manifest, options: BucketOptions | None) -> str | None:
    """Compare the bucket with what a backup says of it; return what is missing, in words.

    Raises:
        BackupError: The backup is of an installation with a bucket, and none is set; or it does
            not answer.
    """
    if manifest.bucket is None:
        return None
    if options is None:
        raise BackupError(
            f"Results of this backup lie in {manifest.bucket}: set SCANHUB_LAKE_URL and what "
            "belongs to it, to this bucket or a copy of it."
        )
    missing = list(_missing(folder, list_bucket(options)))
    if not missing:
        return None
    return (
        f"{len(missing)} of {manifest.bucket_files} objects are not in the bucket as they were, "
        f"the first one is {missing[0]}: bring back its versions of {manifest.taken_at:%Y-%m-%d}"
    )


def _missing(folder: Path, there: Sizes) -> Iterator[str]:
    for line in read_lines(folder / OBJECTS):
        if there.get(line["key"]) != int(line["size"]):
            yield line["key"]
