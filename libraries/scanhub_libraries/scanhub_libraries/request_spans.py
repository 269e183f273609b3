"""A span of OpenTelemetry for each request, which the requests it makes of other services continue.

The framework's own would tell addresses, searches and texts of errors: they may name patients.
"""

from typing import Any

from opentelemetry.propagate import extract
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CORRELATION = b"x-correlation-id"
_SERVER_ERROR = 500
_UNTOLD = ("/health/readiness", "/metrics", "/events")
"""Ends of paths that are asked for all the time, or for hours."""


class RequestSpans:
    """Makes them.

    Args:
        app: The application of a service.
        tracer: Of that service.
    """

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self.app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["path"].endswith(_UNTOLD):
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]
        }
        method = scope["method"]
        with self._tracer.start_as_current_span(
            method,
            context=extract(headers),
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:

            async def send_and_note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    attributes = _attributes(scope, message)
                    span.set_attributes(attributes)
                    span.update_name(f"{method} {attributes.get('http.route', '')}".strip())
                    if message["status"] >= _SERVER_ERROR:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            await self.app(scope, receive, send_and_note)


def _attributes(scope: Scope, start: Message) -> dict[str, Any]:
    """Return what is told of a request: nothing of its address but names of parameters."""
    told: dict[str, Any] = {
        "http.request.method": scope["method"],
        "http.response.status_code": start["status"],
    }
    if route := getattr(scope.get("route"), "path", None):
        told["http.route"] = route
    for name, text in start["headers"]:
        if name.lower() == _CORRELATION:
            told["scanhub.correlation_id"] = text.decode("latin-1")
    return told
