"""The table of routes leads where the framework would."""

import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Match

from scanhub.main import build_apps
from scanhub.settings import InstallationSettings
from scanhub_libraries.route_directory import RouteDirectory


@pytest.fixture(scope="module")
def routers(tmp_path_factory):
    settings = InstallationSettings(data_dir=Path(tmp_path_factory.mktemp("never-opened")))
    return [app.router for app in build_apps(settings, offline=True).values()]


def scope_of(method, path):
    return {"type": "http", "method": method, "path": path, "headers": [], "root_path": ""}


def asked_one_by_one(router, method, path):
    """The first route that fits, as the framework looks for it."""
    for route in iter_route_contexts(router.routes):
        match, child = route.matches(scope_of(method, path))
        if match is Match.FULL:
            return child["endpoint"], child["path_params"]
    return None


def reached(directory, method, path):
    scope = scope_of(method, path)
    app = directory._find(scope)
    return None if app is None else (scope["endpoint"], scope["path_params"])


def test_every_route_is_found_and_no_other_one(routers):
    seen = 0
    for router in routers:
        directory = RouteDirectory(router)
        for included in router.routes:
            # Limits of forms are told on the way through their router, and nowhere else.
            limits = getattr(getattr(included, "original_router", None), "form_limits", None)
            for route in iter_route_contexts([included]):
                if not isinstance(route.original_route, APIRoute):
                    continue
                path = re.sub(r"\{\w+:path\}", "a/b/c", route.path)
                path = re.sub(r"\{\w+\}", "x", path)
                for method in route.methods:
                    expected = None if limits else asked_one_by_one(router, method, path)
                    assert reached(directory, method, path) == expected, f"{method} {path}"
                    seen += 1
    assert seen > 200


def test_what_no_route_takes_goes_the_way_of_the_framework(routers):
    for router in routers:
        directory = RouteDirectory(router)
        for path in ("", "/", "/api", "/api/v1/device/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r", "/x"):
            assert reached(directory, "GET", path) is None
        assert reached(directory, "TRACE", "/api/v1/device/") is None


def test_the_table_does_not_grow_with_what_is_asked_for(routers):
    directory = RouteDirectory(routers[0])
    for number in range(200):
        reached(directory, "GET", f"/api/v1/exam/{number}/" + "x/" * (number % 50))
    assert len(directory._cells) <= 20
