import shutil
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from scanner_lab import SHORT, Lab, open_lab

from scanhub_libraries.models import UserRole
from scanhub_libraries.security.tokens import SigningKeys


@pytest.fixture
def make_lab(
    tmp_path: Path,
    keys: SigningKeys,
    headers_of: Callable[..., dict[str, str]],
    empty_file: Callable[[str], Path],
) -> Callable[..., Any]:
    """Return what opens the installation of this test, as often as it likes."""

    shutil.copyfile(empty_file("device_manager"), tmp_path / "device.sqlite")
    shutil.copyfile(empty_file("exam_manager"), tmp_path / "exam.sqlite")

    def make(**settings: Any) -> Any:
        return open_lab(tmp_path, keys, headers_of(UserRole.ADMIN), **settings)

    return make


@pytest.fixture
async def lab(request: pytest.FixtureRequest, make_lab: Callable[..., Any]) -> AsyncIterator[Lab]:
    short = request.node.get_closest_marker("short_deadlines") is not None
    async with make_lab(**(SHORT if short else {})) as lab:
        yield lab
