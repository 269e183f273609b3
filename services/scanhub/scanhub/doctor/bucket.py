"""Looks at the bucket of the lake, if results lie in one."""

from collections.abc import Iterator

from scanhub.doctor.finding import Finding, failed, ok
from scanhub.settings import InstallationSettings
from scanhub_libraries.bucket import Bucket, BucketError

_NAME = "bucket of results"


def look_at_bucket(settings: InstallationSettings) -> list[Finding]:
    """Write a small object, read it, and remove it."""
    return list(_look(settings))


def _look(settings: InstallationSettings) -> Iterator[Finding]:
    options = settings.lake_bucket
    if options is None:
        return
    try:
        bucket = Bucket(options)
        bucket.probe()
    except BucketError as error:
        yield failed(
            _NAME,
            f"{error.strerror}",
            "look at SCANHUB_LAKE_URL, SCANHUB_LAKE_ENDPOINT and the login (docs/lake.md); scans "
            "go on and keep their data until it answers",
        )
    else:
        yield ok(_NAME, f"{bucket} takes, gives and removes objects")
