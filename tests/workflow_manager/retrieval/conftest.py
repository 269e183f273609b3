"""What tests of retrievals share."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def other_database(tmp_path: Path, empty_file: Callable[[str], Path]) -> Path:
    """Return the database of another system, and make a folder for its images."""
    path = tmp_path / "other.sqlite"
    shutil.copyfile(empty_file("workflow_manager"), path)
    (tmp_path / "other").mkdir()
    return path
