import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cluster import Cluster, open_cluster

from scanhub_libraries.models import UserRole
from scanhub_libraries.security.tokens import SigningKeys


@pytest.fixture
def make_cluster(
    tmp_path: Path,
    keys: SigningKeys,
    headers_of: Callable[..., dict[str, str]],
    copied_postgresql: Callable[[str], str],
) -> Callable[..., Any]:
    """Return what opens one PostgreSQL database, one exam-manager, and no process yet."""

    def make(**settings: Any) -> Any:
        admin = headers_of(UserRole.ADMIN)
        return open_cluster(tmp_path, keys, admin, copied_postgresql("device_manager"), **settings)

    return make


@pytest.fixture
async def cluster(make_cluster: Callable[..., Any]) -> AsyncIterator[Cluster]:
    async with make_cluster() as cluster:
        yield cluster
