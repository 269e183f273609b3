"""Programs of the system that tests talk to."""

import os
import shutil
import sys
from pathlib import Path

import pytest


def require_program(name: str) -> str:
    """Return the path of a program; in CI a missing one is a failure, elsewhere a skip.

    The Python environment is left out: pynetdicom has programs of the same names as DCMTK's.
    """
    ours = Path(sys.prefix) / "bin"
    folders = [folder for folder in os.get_exec_path() if Path(folder) != ours]
    path = shutil.which(name, path=os.pathsep.join(folders))
    if path is not None:
        return path
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"{name} is not installed")
