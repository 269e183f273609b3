"""Problem documents (RFC 9457): how every refusal and every failure is answered."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scanhub_libraries.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    PayloadTooLargeError,
    ScanHubError,
    UnauthenticatedError,
    problem_type,
)
from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
PROBLEM_JSON = "application/problem+json"
ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""What every answer says unless its route says otherwise: it may tell of a patient."""
_METHOD_NOT_ALLOWED = 405
_SLUGS = {cls.status: cls.slug for cls in (BadRequestError, NotFoundError, PayloadTooLargeError)}
"""Slugs of what the framework refuses by itself."""


class ProblemResponse(JSONResponse):
    """A problem document, escaped to ASCII: what a caller sent may be no text that UTF-8 knows."""

    media_type = PROBLEM_JSON

    def render(self, content: Any) -> bytes:
        """Return the bytes of the document."""
        return json.dumps(content).encode("ascii")


class RefusedBodyError(HTTPException):
    """A refusal while the framework reads a body: it would take any other error for a bad body."""

    def __init__(self, refusal: ScanHubError) -> None:
        super().__init__(refusal.status)
        self.refusal = refusal


def problem_response(
    request: Request, status: int, slug: str, title: str, detail: str, **extensions: Any
) -> JSONResponse:
    """Return a problem document."""
    headers = {"WWW-Authenticate": "Bearer"} if status == UnauthenticatedError.status else {}
    if "retry_after" in extensions:
        headers["Retry-After"] = str(extensions["retry_after"])
    if "content_range" in extensions:
        headers["Content-Range"] = str(extensions["content_range"])
    return ProblemResponse(
        {
            "type": problem_type(slug),
            "title": title,
            "status": status,
            "detail": detail,
            "instance": request.url.path,
            "correlation_id": getattr(request.state, "correlation_id", None),
            **extensions,
        },
        status_code=status,
        headers=headers,
    )


def refusal_response(error: ScanHubError) -> Response:
    """Return the document of a handshake that is refused: there is no request to tell of."""
    document = {
        "type": problem_type(error.slug),
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
    }
    return ProblemResponse(document, status_code=error.status, headers=error.headers)


async def answer_error(request: Request, error: ScanHubError) -> JSONResponse:
    """Return the problem document of an error of ours."""
    response = problem_response(
        request, error.status, error.slug, error.title, error.detail, **error.extensions
    )
    response.headers.update(error.headers)
    return response


async def _refused_body(request: Request, error: RefusedBodyError) -> JSONResponse:
    return await answer_error(request, error.refusal)


async def _http_exception(request: Request, error: HTTPException) -> JSONResponse:
    detail = str(error.detail)
    headers: Mapping[str, str] = error.headers or {}
    if error.status_code == NotFoundError.status:
        detail = f"There is nothing at {request.url.path}."
    if error.status_code == _METHOD_NOT_ALLOWED:
        allowed = _methods_at(request) or headers.get("Allow", "")
        headers = {**headers, "Allow": allowed}
        detail = f"{request.method} is not for this path: send {allowed}."
    if error.status_code == PayloadTooLargeError.status:
        detail = _too_large(request)
    slug = "about-blank"
    slug = _SLUGS.get(error.status_code, slug)
    response = problem_response(request, error.status_code, slug, str(error.detail), detail)
    response.headers.update(headers)
    return response


def _methods_at(request: Request) -> str:
    """Return the methods of a path; the router names those of the first route that fits."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    return ", ".join(
        sorted(
            {
                method.upper()
                for template, operations in paths.items()
                if compile_path(template)[0].match(request.url.path)
                for method in operations
            }
        )
    )


async def _stale_data(request: Request, _error: StaleDataError) -> JSONResponse:
    return await answer_error(
        request, ConflictError("The record was changed by somebody else at the same moment.")
    )


async def _validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
    errors = [
        {"pointer": "/" + "/".join(str(part) for part in item["loc"]), "detail": item["msg"]}
        for item in error.errors()
    ]
    malformed = request.app.state.malformed_path_status
    in_path = [item["loc"] for item in error.errors() if item["loc"][0] == "path"]
    status = malformed if in_path and "patient_id" not in in_path[0] else 422
    detail = "; ".join(f"{item['pointer']}: {item['detail']}" for item in errors)
    return problem_response(
        request, status, "invalid-request", "The request is not valid", detail, errors=errors
    )


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    logger.error("unexpected error", path=request.url.path, exc_info=error)
    response = problem_response(
        request,
        ScanHubError.status,
        ScanHubError.slug,
        ScanHubError.title,
        "Something went wrong on our side; nothing was changed. "
        "Give the correlation id to support.",
    )
    # This answer is made outside of all middleware: nobody else puts them in.
    correlation_id = str(getattr(request.state, "correlation_id", ""))
    response.headers.update({"X-Correlation-Id": correlation_id, **ALWAYS})
    return response


class BodyLimitProblems:
    """Turns the plain refusal of the framework's body limit into a problem document."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refused = False

        async def send_problem(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and _is_plain_refusal(message):
                refused = True
                error = HTTPException(message["status"], PayloadTooLargeError.title)
                answer = await _http_exception(Request(scope), error)
                await answer(scope, receive, send)
            elif not refused:
                await send(message)

        await self.app(scope, receive, send_problem)


def _is_plain_refusal(message: Message) -> bool:
    kind: bytes = dict(message["headers"]).get(b"content-type", b"")
    return message["status"] == PayloadTooLargeError.status and kind.startswith(b"text/plain")


def _too_large(request: Request) -> str:
    limit = request.scope.get("starlette.max_body_size")
    most = f"at most {limit} bytes" if limit else "fewer bytes"
    return f"The body is larger than this endpoint takes: send {most}."


def answer_with_problems(app: FastAPI) -> None:
    """Let an application answer whatever goes wrong with a problem document."""
    app.add_exception_handler(ScanHubError, answer_error)  # type: ignore[arg-type]
    app.add_exception_handler(RefusedBodyError, _refused_body)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _http_exception)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _validation_error)  # type: ignore[arg-type]
    app.add_exception_handler(StaleDataError, _stale_data)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, _unexpected)
    app.add_middleware(BodyLimitProblems)
