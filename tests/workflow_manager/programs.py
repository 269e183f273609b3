"""Programs of the system that tests talk to."""

import os
import shutil

import pytest


def require_program(name: str) -> str:
    """Return the path of a program; in CI a missing one is a failure, elsewhere a skip."""
    path = shutil.which(name)
    if path is not None:
        return path
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"{name} is not installed")
