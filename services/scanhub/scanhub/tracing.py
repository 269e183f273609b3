"""Traces of OpenTelemetry: off by default, and nothing of them is loaded then.

Requests are spans of the service that answered them; what the journal tells of an exam is a trace
of its own, whose id is that of the exam.
"""

from importlib import import_module
from typing import Protocol

from opentelemetry.trace import Tracer

from scanhub.settings import InstallationSettings
from scanhub_libraries.errors import UnavailableError
from workflow_manager.journal.spans import SpanSink


class Tracing(SpanSink, Protocol):
    """Where spans go."""

    def tracer(self, service: str) -> Tracer:
        """Return what makes the spans of the requests of a service."""
        ...

    def close(self) -> None:
        """Send what is left, for some seconds at most."""
        ...


def tracing_of(settings: InstallationSettings) -> Tracing | None:
    """Return where spans go; None: nowhere.

    Raises:
        UnavailableError: The libraries are not installed.
    """
    if settings.otel_endpoint is None:
        return None
    try:
        module = import_module("scanhub.otlp")
    except ImportError as error:
        raise UnavailableError(
            "SCANHUB_OTEL_ENDPOINT needs libraries that are not installed: "
            "pip install 'scanhub[otel]', or unset it."
        ) from error
    made: Tracing = module.Otlp(settings.otel_endpoint)
    return made
