"""Versions of what people edit: ETag out, If-Match in (RFC 9110 section 13.1)."""

from typing import Annotated

from fastapi import Header

from scanhub_libraries.errors import StaleVersionError

IfMatchDep = Annotated[
    str | None, Header(alias="If-Match", description='The version that was read: `"3"`')
]


def etag(version: int) -> dict[str, str]:
    """Return the header that tells the version."""
    return {"ETag": f'"{version}"'}


def check_version(if_match: str | None, version: int) -> None:
    """Refuse an edit of a version that is not the last. Without If-Match the last edit wins.

    Raises:
        StaleVersionError: Somebody changed it since it was read.
    """
    if if_match is None or if_match.strip() == "*":
        return
    if f'"{version}"' not in {tag.strip() for tag in if_match.split(",")}:
        raise StaleVersionError(
            f"It was changed since it was read, and is at version {version} by now: read it "
            "again, then edit.",
            version=version,
        )
