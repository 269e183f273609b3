"""Spans to a collector, by OTLP over HTTP. Loaded only where `tracing` finds that it is wanted."""

import hashlib
from datetime import datetime
from functools import cache
from uuid import UUID

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags, Tracer

from workflow_manager.journal.spans import JournalSpan

_SCOPE = "scanhub"
_LATEST_MS = 1000
"""Spans are sent after this time, or when there are many [ms]."""


class Otlp:
    """Sends spans from a thread of its own; what the collector does not take in time is lost.

    Args:
        endpoint: Address of the collector, as `http://collector:4318`.
    """

    def __init__(self, endpoint: str) -> None:
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._processor = BatchSpanProcessor(exporter, schedule_delay_millis=_LATEST_MS)

    def tracer(self, service: str) -> Tracer:
        """Return what makes the spans of the requests of a service."""
        provider = TracerProvider(resource=_resource(service), shutdown_on_exit=False)
        provider.add_span_processor(self._processor)
        return provider.get_tracer(_SCOPE)

    def take(self, span: JournalSpan) -> None:
        """Hand over a span of the journal."""
        root = _context(span.trace, span.trace)
        is_root = span.name == "exam"
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=root if is_root else _context(span.trace, span.event),
                parent=None if is_root else root,
                resource=_resource(span.source),
                attributes=dict(span.attributes),
                status=Status(StatusCode.ERROR if span.failed else StatusCode.OK),
                start_time=_nanoseconds(span.began_at),
                end_time=_nanoseconds(span.ended_at),
                instrumentation_scope=InstrumentationScope(_SCOPE),
            )
        )

    def close(self) -> None:
        """Send what is left, for some seconds at most."""
        self._processor.shutdown()


def _context(trace: UUID, subject: UUID) -> SpanContext:
    """Return the ids of a span: made of what it is about, so that it has the same ones again."""
    span_id = int.from_bytes(hashlib.sha256(subject.bytes).digest()[:8], "big")
    return SpanContext(trace.int, span_id, is_remote=False, trace_flags=TraceFlags(1))


@cache
def _resource(service: str) -> Resource:
    return Resource.create({"service.name": service, "service.namespace": "scanhub"})


def _nanoseconds(time: datetime) -> int:
    return int(time.timestamp() * 1_000_000) * 1000
