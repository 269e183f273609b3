"""The way of an exam, from the order to the images at their target, is one trace."""

import asyncio
import threading
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from uuid import UUID

import pytest
from effort import IN_CI
from ports import a_port

from .conftest import Installation
from .test_apart import scan, served_apart

if not IN_CI and find_spec("opentelemetry.sdk") is None:
    pytest.skip("the extra `otel` is not installed", allow_module_level=True)

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

pytestmark = [pytest.mark.system, pytest.mark.timeout(240), pytest.mark.long]


class Collector(ThreadingHTTPServer):
    """Takes spans as any collector does: protobuf over HTTP."""

    def __init__(self):
        super().__init__(("127.0.0.1", a_port()), _Takes)
        self.spans = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def of(self, trace):
        """Return names and services of the spans of a trace."""
        return {(name, service) for name, service, span in self.spans if span.trace_id == trace}


class _Takes(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            told = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                service = told["service.name"]
                self.server.spans += [(span.name, service, span) for span in scope.spans]
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@asynccontextmanager
async def collecting():
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            await asyncio.to_thread(collector.shutdown)
            thread.join()


WAY = {
    ("exam", "exam-manager"),
    ("acquisition", "device-manager"),
    ("task", "exam-manager"),
    ("run", "workflow-manager"),
    ("series", "workflow-manager"),
    ("dispatch", "workflow-manager"),
}


async def test_the_way_of_an_exam_is_one_trace_and_names_nobody(tmp_path):
    """Three processes, an archive, a scan; the trace has the id of the exam."""
    async with collecting() as collector:
        endpoint = {"SCANHUB_OTEL_ENDPOINT": collector.url}
        async with served_apart(tmp_path, **endpoint) as servers:
            port = a_port()
            folder = str(tmp_path / "archive")
            archive = ("--folder", folder, "--port", str(port), "--ae-title", "PACS")
            beside: Installation = servers["workflow-manager"]
            await beside.run_beside("archive", "workflow_manager.dicom.archive", *archive)
            target = {"name": "PACS", "ip": "127.0.0.1", "port": port, "aet_target": "PACS"}
            rule = {"name": "all", "rule": "True", "action": "route", "target": "PACS"}
            journal = await scan(servers, servers["device-manager"], tmp_path, to=(target, rule))
            sent = next(one for one in journal if one["type"] == "dispatch.sent")
            exam = UUID(sent["data"]["exam_id"])
            async with asyncio.timeout(60):
                while not collector.of(exam.bytes) >= WAY:
                    await asyncio.sleep(0.1)
    ordered = sorted(
        (span for _, _, span in collector.spans if span.trace_id == exam.bytes),
        key=lambda span: span.end_time_unix_nano,
    )
    (root,) = {span.span_id for span in ordered if span.name == "exam"}
    assert {span.parent_span_id for span in ordered if span.name != "exam"} == {root}
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in ordered)
    assert ordered[0].name == "exam"

    triggers = [one for one in collector.spans if "trigger_task" in one[0]]
    assert [service for _, service, _ in triggers] == ["workflow-manager"]
    others = {service for _, service in collector.of(triggers[0][2].trace_id)}
    assert others == {"workflow-manager", "device-manager", "exam-manager"}
    told = str([span for _, _, span in collector.spans])
    assert "{task_id}" in told
    for secret in ("Ada", "Phantom", "password", "Bearer"):
        assert secret not in told, secret
