"""What the OpenAPI document says is what is answered: Schemathesis over every operation."""

import asyncio
from collections.abc import Callable, Collection
from typing import Any

import httpx
import requests
import schemathesis
from contract.crawl import SAID
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.transport.serialization import serialize_binary

CHECKS = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
LONGEST_URL = 60_000
"""A longer one is nothing that httpx sends."""
schemathesis.serializer.alias(
    ["application/offset+octet-stream", "application/dicom", "application/zip"],
    "application/octet-stream",
)
_BOUNDARY = "between-the-parts"
_CONTENT_TYPES = {
    "application/dicom": {"Content-Type": "application/dicom"},
    "application/zip": {"Content-Type": "application/zip"},
    "multipart/related": {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}'
    },
}
Send = Callable[[requests.PreparedRequest], httpx.Response]


@schemathesis.serializer("multipart/related")
def _in_a_part(_context: Any, value: Any) -> bytes:
    """Send bytes as they are, in a part of their own."""
    content = serialize_binary(value)
    head = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return head + content + f"\r\n--{_BOUNDARY}--\r\n".encode()


async def failures_of(
    document: dict[str, Any],
    http: httpx.AsyncClient,
    headers: dict[str, str],
    known: dict[str, str],
    *,
    examples: int,
    left_out: Collection[str] = (),
) -> dict[str, str]:
    """Return why answers are not as documented, by operation; empty if all are.

    Args:
        document: The OpenAPI document.
        http: A client of the service.
        headers: With a login.
        known: Values of path parameters, so that some requests find what they name.
        examples: How many requests for each operation.
        left_out: Operations that are not asked: `METHOD /path`.
    """
    loop = asyncio.get_running_loop()

    def send(prepared: requests.PreparedRequest) -> httpx.Response:
        url = http.base_url.join(httpx.URL(prepared.url or "").raw_path.decode())
        request = http.build_request(
            prepared.method or "",
            url,
            headers={**prepared.headers, **headers},
            content=prepared.body,
        )
        return asyncio.run_coroutine_threadsafe(http.send(request), loop).result()

    return await asyncio.to_thread(
        _failures_of, document, send, known, examples=examples, left_out=left_out
    )


def _failures_of(
    document: dict[str, Any],
    send: Send,
    known: dict[str, str],
    *,
    examples: int,
    left_out: Collection[str],
) -> dict[str, str]:
    failures = {}
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()
        if operation.label in left_out:
            continue
        try:
            _examine(operation, send, known, examples)()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - the others go on
            failures[operation.label] = why(error)
    return failures


def _examine(
    operation: Any, send: Send, known: dict[str, str], examples: int
) -> Callable[[], None]:
    modes = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(modes), exists=st.booleans())
    def test(case: Case, exists: bool) -> None:
        if exists:
            for name in set(case.path_parameters or {}) & set(known):
                case.path_parameters[name] = known[name]
        prepared = _prepared(case)
        assume(len(prepared.url or "") < LONGEST_URL)
        answer = send(prepared)
        assert answer.status_code < 500 or answer.status_code in SAID, answer.text
        case.validate_response(answer, checks=CHECKS)

    return test


def _prepared(case: Case) -> requests.PreparedRequest:
    """Return a request as Schemathesis would send it."""
    kwargs = case.as_transport_kwargs(base_url="http://test")
    kwargs = {
        name: kwargs.get(name) for name in ("method", "url", "params", "json", "data", "files")
    }
    kwargs["headers"] = {**_CONTENT_TYPES.get(str(case.media_type), {}), **(case.headers or {})}
    return requests.Request(**kwargs).prepare()


def why(error: BaseException) -> str:
    """Return the reasons of a failure, in short."""
    found = error.exceptions if isinstance(error, BaseExceptionGroup) else [error]
    return "; ".join(f"{type(one).__name__} {getattr(one, 'message', one)}"[:700] for one in found)


def told(failures: dict[str, str]) -> str:
    """Return failures as lines."""
    return "\n".join(f"{row}: {reason}" for row, reason in failures.items())
