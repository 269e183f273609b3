"""Reads a whole backup: every checksum, and whether SQLite can use its databases."""

from collections.abc import Iterator
from pathlib import Path

from scanhub.backup.place import FILES, Place, checksum, read_lines, read_manifest
from scanhub.backup.sqlite import check_file


def verify(place: Place, name: str) -> Iterator[str]:
    """Yield what is wrong with a backup; nothing: it is good. Blocking, and reads all of it.

    Raises:
        ScanHubError: There is no such backup, or its manifest is damaged.
    """
    folder = place.folder(name)
    manifest = read_manifest(folder)
    for path, sha256 in manifest.checksums.items():
        if wrong := _wrong(folder / path, sha256):
            yield f"{path}: {wrong}"
    for path in manifest.checksums:
        if path.endswith(".sqlite") and (wrong := check_file(folder / path)):
            yield f"{path}: {wrong}"
    if not _wrong(folder / FILES, manifest.checksums[FILES]):
        yield from _wrong_files(place, folder)


def _wrong_files(place: Place, folder: Path) -> Iterator[str]:
    seen: set[str] = set()
    for line in read_lines(folder / FILES):
        if line["sha256"] not in seen:
            seen.add(line["sha256"])
            if wrong := _wrong(place.object_path(line["sha256"]), line["sha256"]):
                yield f"{line['path']}: {wrong}"


def _wrong(path: Path, sha256: str) -> str:
    try:
        return "" if checksum(path) == sha256 else "its content has changed"
    except FileNotFoundError:
        return "it is not there"
