"""What a service measures of itself, in the text format of Prometheus.

A service sets `app.state.measure`; it is asked when somebody looks, and not before.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import cache

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scanhub_libraries.measures import Measure

Measuring = Callable[[], Awaitable[Iterable[Measure]]]


def _family(measure: Measure) -> Metric:
    labels = [measure.label] if measure.label else []
    made = CounterMetricFamily if measure.counter else GaugeMetricFamily
    family = made(measure.name, measure.help, labels=labels)
    for label, value in measure.values.items():
        family.add_metric([label] if measure.label else [], value)
    return family


class _Given(Collector):
    """Hands over what was measured."""

    def __init__(self, measures: Iterable[Measure]) -> None:
        self._measures = measures

    def collect(self) -> Iterator[Metric]:
        for measure in self._measures:
            yield _family(measure)


def as_text(measures: Iterable[Measure]) -> bytes:
    """Write metrics down, with those of the process: memory, processor, open files."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(_Given(list(measures)))
    return generate_latest(registry)


async def nothing() -> Iterable[Measure]:
    """Measure nothing beside the process."""
    return ()


@cache
def metrics_router(prefix: str) -> APIRouter:
    """Return the route of a service."""
    router = APIRouter(prefix=prefix, tags=["health"])

    @router.get(
        "/metrics",
        summary="Read what the service measures",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics(request: Request) -> Response:
        """Return metrics in the text format of Prometheus."""
        measured = await request.app.state.measure()
        return Response(as_text(measured), media_type=CONTENT_TYPE_LATEST)

    return router
