"""Every route has a row in the permission table, and every row a route."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute

from scanhub.main import build_apps
from scanhub.settings import InstallationSettings
from scanhub_libraries.security.permissions import PERMISSIONS


def rows_for(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """Yield the row that each route needs; the OpenAPI document and its page need none."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield from (f"{method} {route.path}" for method in route.methods)
        elif isinstance(route, APIWebSocketRoute):
            yield f"WS {route.path}"
        elif hasattr(route, "original_router"):
            yield from rows_for(route.original_router.routes)


@pytest.fixture(scope="module")
def needed(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    settings = InstallationSettings(data_dir=Path(tmp_path_factory.mktemp("never-opened")))
    apps = build_apps(settings, offline=True)
    return {row for app in apps.values() for row in rows_for(app.routes)}


def test_the_walk_finds_the_routes_of_every_service(needed: set[str]) -> None:
    assert "WS /api/v1/device/ws" in needed
    for prefix in ("exam", "patient", "userlogin", "device", "workflowmanager"):
        assert f"GET /api/v1/{prefix}/health/readiness" in needed
    assert len(needed) > 50


def test_every_route_has_a_row(needed: set[str]) -> None:
    assert needed - set(PERMISSIONS) == set()


def test_every_row_has_a_route(needed: set[str]) -> None:
    assert set(PERMISSIONS) - needed == set()
