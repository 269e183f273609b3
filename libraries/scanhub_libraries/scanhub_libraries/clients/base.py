"""What the typed clients share: tokens, correlation, problems back into errors."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, TypeVar

import httpx
from opentelemetry.propagate import inject
from pydantic import TypeAdapter
from structlog.contextvars import get_contextvars

from scanhub_libraries.errors import UnavailableError, error_from_problem
from scanhub_libraries.models.user import Revocations, ServiceCredentials, ServiceToken
from scanhub_libraries.repeating import Repeating
from scanhub_libraries.security.tokens import RevocationList

T = TypeVar("T")
TokenSource = Callable[[], Awaitable[str]]
_CORRELATION_HEADER = "X-Correlation-Id"


class ServiceClient:
    """Calls one service. `token` of a call goes before the client's own token source."""

    service = "service"

    def __init__(self, http: httpx.AsyncClient, token_source: TokenSource | None = None) -> None:
        self._http = http
        self._token_source = token_source

    async def request(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        json: Any = None,
        params: Mapping[str, str | int | bool] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """Send a request.

        Raises:
            ScanHubError: What the service answered, as the error it was there.
            UnavailableError: The service cannot be reached.
        """
        headers = {}
        if token is None and self._token_source is not None:
            token = await self._token_source()
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if correlation_id := get_contextvars().get("correlation_id"):
            headers[_CORRELATION_HEADER] = correlation_id
        inject(headers)  # of a trace; there is none where nothing is traced
        try:
            response = await self._http.request(
                method, path, json=json, params=params, headers=headers, **options
            )
        except httpx.TransportError as error:
            raise UnavailableError(
                f"{self.service} cannot be reached ({type(error).__name__}): try again."
            ) from error
        if response.is_error:
            raise error_from_problem(response.status_code, _problem(response))
        return response

    async def call(self, model: type[T], method: str, path: str, **options: Any) -> T:
        """Send a request and read the answer as `model` (a type or annotated union)."""
        response = await self.request(method, path, **options)
        adapter: TypeAdapter[T] = _adapter(model)  # type: ignore[arg-type]  # a type is hashable
        return adapter.validate_json(response.content)


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


class ServiceTokenSource:
    """Gets a service its token from exam-manager and renews it in time."""

    def __init__(self, exam_manager: httpx.AsyncClient, credentials: ServiceCredentials) -> None:
        self._client = ServiceClient(exam_manager)
        self._credentials = credentials
        self._token = ""
        self._renew_at = 0.0
        self._lock = asyncio.Lock()

    async def __call__(self) -> str:
        """Return a token that holds for at least a few minutes."""
        async with self._lock:
            if time.monotonic() >= self._renew_at:
                answer = await self._client.call(
                    ServiceToken,
                    "POST",
                    "/api/v1/userlogin/servicetoken",
                    json=self._credentials.model_dump(),
                )
                self._token = answer.access_token
                self._renew_at = time.monotonic() + answer.expires_in / 2
            return self._token


class RevocationFeed(Repeating):
    """Keeps a service's list of revoked sessions at most a few seconds old."""

    def __init__(
        self,
        revocations: RevocationList,
        fetch: Callable[[int], Awaitable[Revocations]],
        interval_seconds: float = 2.0,
    ) -> None:
        async def follow() -> None:
            revocations.update(await fetch(revocations.last))

        super().__init__("following revocations", follow, interval_seconds)
