"""What a run worked on, and where: the inputs by their SHA-256, the machine, the versions."""

import hashlib
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("scanhub-jobs", "numpy", "scipy", "ismrmrd", "pydicom", "finufft")
_CHUNK = 2**20


def digest(place: Path) -> dict[str, Any]:
    """Return number, size and SHA-256 of a file, or of the files in a folder; blocking.

    Of a folder it is the SHA-256 of what `sha256sum *` prints.
    """
    if place.is_file():
        return {"files": 1, "size_bytes": place.stat().st_size, "sha256": _of_file(place)}
    files = sorted(path for path in place.iterdir() if path.is_file())
    lines = "".join(f"{_of_file(path)}  {path.name}\n" for path in files)
    return {
        "files": len(files),
        "size_bytes": sum(path.stat().st_size for path in files),
        "sha256": hashlib.sha256(lines.encode()).hexdigest(),
    }


def _of_file(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def machine(cpus: float | None) -> dict[str, Any]:
    """Return what is to know of this machine.

    Args:
        cpus: Most processors that the job may use; none: all.
    """
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "host": platform.node(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "cpus": min(available or 1, max(1, round(cpus or available or 1))),
        "packages": _versions(),
    }


@cache
def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
