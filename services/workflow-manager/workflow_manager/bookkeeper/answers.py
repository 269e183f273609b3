"""Refusals in mercure's form."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from scanhub_libraries.errors import BadRequestError, ScanHubError, UnprocessableError
from scanhub_libraries.problems import RefusedBodyError


class MercureRoute(APIRoute):
    """A route whose refusals say `error`, as mercure's do, in a problem document as ours do."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler."""
        handle = super().get_route_handler()

        async def handle_report(request: Request) -> Response:
            try:
                return await handle(request)
            except RefusedBodyError as error:
                _add_error(error.refusal)
                raise
            except HTTPException as error:  # the framework cannot read the form
                raise BadRequestError(str(error.detail), error=str(error.detail)) from error
            except ScanHubError as error:
                _add_error(error)
                raise
            except RequestValidationError as error:
                raise _refusal(error) from error

        return handle_report


def _add_error(error: ScanHubError) -> None:
    error.extensions["error"] = error.detail


def _refusal(error: RequestValidationError) -> UnprocessableError:
    """Name every field that is wrong, without the value: it may be a patient's."""
    errors = [
        {"pointer": "/" + "/".join(str(part) for part in item["loc"]), "detail": str(item["msg"])}
        for item in error.errors()
    ]
    detail = "; ".join(f"{item['pointer']}: {item['detail']}" for item in errors)
    return UnprocessableError(detail, errors=errors, error=detail)
