"""Finds the route of a request without trying them all.

The framework asks one route after the other whether it fits, each of an included router twice. With
a hundred routes that takes longer than most statements of the database do. Here they are in a table
by the number of parts of their path and the part that follows the prefix of the service; only those
of one cell are asked, in their order.
"""

from collections.abc import Iterator
from typing import NamedTuple

from fastapi.routing import APIRoute, APIRouter, RouteContext, iter_route_contexts
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

_WORD = 4
"""Which part of a path tells routes of a service apart: `/api/v1/service/WORD/...`."""
_MOST_PARTS = 16
"""Longer paths share cells: whoever sends them makes the table no larger."""


class _Cell(NamedTuple):
    """What routes are looked up by; None: it may be anything."""

    word: str | None
    parts: int | None


class _Known(NamedTuple):
    """A route, where it is looked up, and whether the framework has to lead to it."""

    cell: _Cell
    route: RouteContext
    methods: frozenset[str]
    """Those that it takes; empty: it has to be asked."""
    indirect: bool


class RouteDirectory:
    """Hands requests to their routes; what it does not find goes the way of the framework.

    That is what no route takes with this method, websockets, mounts, and routes that were added
    after the first request.

    Args:
        router: Where the routes are.
    """

    def __init__(self, router: APIRouter) -> None:
        self._router = router
        self._known: list[_Known] = []
        self._words: frozenset[str | None] | None = None
        """Words of the routes; None: nobody has asked yet."""
        self._cells: dict[_Cell, list[_Known]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        app = self._find(scope) if scope["type"] == "http" else None
        await (app or self._router)(scope, receive, send)

    def _find(self, scope: Scope) -> ASGIApp | None:
        """Return the application of the route, and leave in the scope what it looks for there."""
        for _, route, methods, indirect in self._cell(scope["path"]):
            if methods and scope["method"] not in methods:
                continue
            match, of_route = route.matches(scope)
            if match is not Match.FULL:
                continue
            if indirect:
                return None
            scope.update(of_route)
            scope["router"] = self._router
            if isinstance(route.original_route, APIRoute):
                scope["route"] = route.original_route
            app: ASGIApp = route.app
            return app
        return None

    def _cell(self, path: str) -> list[_Known]:
        """Return the routes that may fit, in their order."""
        if self._words is None:
            self._known = [one for route in self._router.routes for one in _known(route)]
            self._words = frozenset(cell.word for cell, *_ in self._known)
        parts = path.split("/", _MOST_PARTS)
        word = parts[_WORD] if len(parts) > _WORD else None
        wanted = _Cell(word if word in self._words else None, len(parts))
        if wanted not in self._cells:
            self._cells[wanted] = [
                one
                for one in self._known
                if one.cell.word in {wanted.word, None} and one.cell.parts in {wanted.parts, None}
            ]
        return self._cells[wanted]


def _known(route: BaseRoute) -> Iterator[_Known]:
    # Limits of forms are told by the router that has the route, on the way to it.
    limits = getattr(getattr(route, "original_router", None), "form_limits", None)
    for one in iter_route_contexts([route]):
        plain = isinstance(one.original_route, Route)
        methods = frozenset(one.methods or ()) if plain else frozenset[str]()
        cell = _cell_of(one) if plain else _Cell(None, None)
        yield _Known(cell, one, methods, bool(limits) or not plain)


def _cell_of(route: RouteContext) -> _Cell:
    template = route.path or ""
    if ":path}" in template:
        return _Cell(None, None)
    parts = template.split("/", _MOST_PARTS)
    word = parts[_WORD] if len(parts) > _WORD and "{" not in parts[_WORD] else None
    return _Cell(word, len(parts))
