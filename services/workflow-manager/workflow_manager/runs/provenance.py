"""Where a run was computed: the machine, the versions."""

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_PACKAGES = ("scanhub-jobs", "numpy", "scipy", "ismrmrd", "pydicom", "finufft")


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
