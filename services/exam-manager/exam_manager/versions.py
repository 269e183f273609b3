"""Versions of records that people edit: ETag out, If-Match in (RFC 9110 section 13.1.1)."""

from scanhub_libraries.errors import StaleVersionError


def etag(version: int) -> dict[str, str]:
    """Return the header that tells the version."""
    return {"ETag": f'"{version}"'}


def check_version(if_match: str | None, version: int) -> None:
    """Refuse an edit of a version that is not current. Without If-Match the last one wins.

    Raises:
        StaleVersionError: Somebody changed the record since it was read.
    """
    if if_match is None or if_match.strip() == "*":
        return
    tags = {tag.strip() for tag in if_match.split(",")}
    if f'"{version}"' not in tags:
        raise StaleVersionError(
            "The record was changed since it was read: read it again, then edit.", version=version
        )
