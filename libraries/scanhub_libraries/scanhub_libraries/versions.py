"""Versions of records that people edit: ETag out, If-Match in (RFC 9110 section 13.1).

A record that changes without an edit too (an exam, when a device reports on a task of it) has the
tag `"<version>.<revision>"`: If-None-Match compares all of it, so that who polls gets 304 until
something changes; If-Match looks at the version alone, because an edit is stale when somebody else
edited, not when a device made progress.
"""

from scanhub_libraries.errors import StaleVersionError


def etag(version: int, revision: int | None = None) -> dict[str, str]:
    """Return the header that tells the version.

    Args:
        version: Counts the edits of people.
        revision: Counts every change, where the two differ.
    """
    return {"ETag": f'"{version}"' if revision is None else f'"{version}.{revision}"'}


def check_version(if_match: str | None, version: int) -> None:
    """Refuse an edit of a version that is not current. Without If-Match the last one wins.

    Raises:
        StaleVersionError: Somebody changed the record since it was read.
    """
    if if_match is None or if_match.strip() == "*":
        return
    if f'"{version}"' not in {_version_part(tag) for tag in if_match.split(",")}:
        raise StaleVersionError(
            f"It was changed since it was read, and is at version {version} by now: read it "
            "again, then edit.",
            version=version,
        )


def _version_part(tag: str) -> str:
    """Return a tag without its revision; anything else, a weak tag too, as it is."""
    tag = tag.strip()
    version, dot, revision = tag.strip('"').partition(".")
    strong = tag == f'"{version}{dot}{revision}"' and version.isdecimal() and revision.isdecimal()
    return f'"{version}"' if strong else tag


def is_known(if_none_match: str | None, tag: dict[str, str]) -> bool:
    """Say whether the caller has what this tag stands for (weak comparison, RFC 9110 13.1.2)."""
    if if_none_match is None:
        return False
    tags = {item.strip().removeprefix("W/") for item in if_none_match.split(",")}
    return "*" in tags or tag["ETag"] in tags
