"""Calls to the platform: repeated while it restarts, refused with the SDK's own errors."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from scanhub_jobs.errors import (
    ArtifactNotFoundError,
    DataNotFoundError,
    JobError,
    NotInJobError,
    PlatformError,
    ReadOnlyError,
    UnknownJobError,
    ValueRefusedError,
)

_PAUSES_S = (0.1, 0.3, 1.0, 2.0, 4.0, 8.0)
_LATER = frozenset({429, 502, 503, 504})
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_ERRORS: dict[str, type[JobError]] = {
    "data-not-found": DataNotFoundError,
    "artifact-not-found": ArtifactNotFoundError,
    "unknown-job": UnknownJobError,
    "read-only": ReadOnlyError,
    "value-refused": ValueRefusedError,
}
"""Errors by the slugs of the platform's problem documents."""
_OF_STATUS: dict[int, type[JobError]] = {401: NotInJobError}


class Platform:
    """The part of the platform's API that is there for one run of a job.

    Every call can be repeated without harm, so that each is: as long as the platform does not
    answer, with growing pauses, for a quarter of a minute.

    Args:
        url: Where it is; the run's session is in it.
        token: What opens it.
        transport: Takes the place of the network in tests.
    """

    def __init__(self, url: str, token: str, transport: httpx.BaseTransport | None = None) -> None:
        self._client = httpx.Client(
            base_url=url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT,
            transport=transport,
            trust_env=False,  # a proxy has no business with it
        )

    def __repr__(self) -> str:
        return f"Platform({self._client.base_url})"

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def json(self, method: str, path: str, **options: Any) -> Any:
        """Call and return the answer; None: it has no body."""
        answer = self.call(method, path, **options)
        return answer.json() if answer.content else None

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call, and read the whole answer.

        Raises:
            JobError: The platform refuses, or does not answer any more.
        """
        answer: httpx.Response = self.repeat(lambda: self.once(method, path, **options))
        return answer

    def once(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call once.

        Raises:
            JobError: The platform refuses.
            PlatformAwayError: It does not now.
        """
        answer = self._client.request(method, path, **options)
        check(answer)
        return answer

    def fetch(self, path: str, take: Callable[[httpx.Response], None], **options: Any) -> None:
        """Get an answer piece by piece; `take` begins anew when it is repeated."""

        def once() -> None:
            with self._client.stream("GET", path, **options) as answer:
                if answer.is_error:
                    answer.read()
                check(answer)
                take(answer)

        self.repeat(once)

    def repeat(self, once: Callable[[], Any]) -> Any:
        """Do something until the platform answers.

        Raises:
            PlatformError: It did not.
        """
        for pause in _PAUSES_S:
            try:
                return once()
            except (httpx.TransportError, PlatformAwayError):
                time.sleep(pause)
        try:
            return once()
        except (httpx.TransportError, PlatformAwayError) as error:
            raise PlatformError(
                f"The platform did not answer: {str(error) or type(error).__name__}"
            ) from error


class PlatformAwayError(JobError):
    """Not now: the same call may succeed later."""


def check(answer: httpx.Response) -> None:
    """Raise what a problem document says.

    Raises:
        JobError: The answer is a refusal.
    """
    if not answer.is_error:
        return
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    detail = _sentence(problem) or f"The platform answered with status {answer.status_code}."
    if answer.status_code in _LATER:
        raise PlatformAwayError(detail)
    slug = str(problem.get("type", "")).rpartition("/")[2]
    kind = _ERRORS.get(slug) or _OF_STATUS.get(answer.status_code, PlatformError)
    raise kind(detail)


def _sentence(problem: Any) -> str:
    """Return what a problem document says, with the values that it complains of."""
    if not isinstance(problem, dict):
        return ""
    wrong = [f"{e.get('pointer', '')}: {e.get('detail', '')}" for e in problem.get("errors", ())]
    return "; ".join(filter(None, [str(problem.get("detail", "")), *wrong]))
