"""Checks one row of the contract after the other, over HTTP, and goes on after a failure."""

import traceback
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import httpx

API = "/api/v1"
PROBLEM = "application/problem+json"
Json = dict[str, Any]
Holds = Callable[[httpx.Response], object]
UNKNOWN = "0190aaaa-0000-7000-8000-00000000ffff"
MALFORMED = "no-uuid"


@dataclass
class Row:
    """One checked row: what must hold, and what came instead."""

    section: str
    text: str
    failure: str | None = None

    def __str__(self) -> str:
        verdict = "PASS" if self.failure is None else "FAIL"
        return f"{verdict}  {self.section}: {self.text}" + (
            f"\n      {self.failure}" if self.failure else ""
        )


@dataclass
class Report:
    """All rows so far."""

    tell: Callable[[str], None] = field(default=lambda _line: None)
    rows: list[Row] = field(default_factory=list)

    def add(self, section: str, text: str, failure: str | None = None) -> None:
        row = Row(section, text, failure)
        self.rows.append(row)
        self.tell(str(row))

    @property
    def failures(self) -> list[str]:
        return [str(row) for row in self.rows if row.failure]


@dataclass
class Caller:
    """Somebody who calls the platform: nobody, a user, or the holder of a claim."""

    http: httpx.AsyncClient
    report: Report
    section: str = ""
    token: str = ""

    def as_(self, token: str) -> "Caller":
        """Return the same with another token."""
        return replace(self, token=token)

    def at(self, section: str) -> "Caller":
        """Return the same for another section."""
        return replace(self, section=section)

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request without checking anything."""
        headers = dict(options.pop("headers", {}))
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        self.http.cookies.clear()  # who calls is said by the token alone
        return await self.http.request(method, f"{API}{path}", headers=headers, **options)

    async def row(
        self,
        text: str,
        request: str,
        expect: int | set[int],
        *,
        holds: Holds | None = None,
        **options: Any,
    ) -> httpx.Response:
        """Check one row.

        Args:
            text: What must hold, in plain words.
            request: `METHOD /path` below /api/v1.
            expect: The status, or those of which one is right.
            holds: What must hold of the answer besides.
            options: Of the request, as httpx takes them.
        """
        method, path = request.split(" ", maxsplit=1)
        answer = await self.send(method, path, **options)
        statuses = {expect} if isinstance(expect, int) else expect
        failure = None
        if answer.status_code not in statuses:
            wanted = " or ".join(map(str, sorted(statuses)))
            failure = f"{request}: {answer.status_code} instead of {wanted}: {answer.text[:300]}"
        elif answer.is_error and not answer.headers["content-type"].startswith(PROBLEM):
            failure = f"{request}: the refusal is no problem document: {answer.text[:200]}"
        elif holds is not None and not holds(answer):
            failure = f"{request}: the answer is not as it must be: {answer.text[:600]}"
        self.report.add(self.section, f"{text} ({answer.status_code})", failure)
        return answer

    async def made(self, text: str, request: str, expect: int = 201, **options: Any) -> Any:
        """Check a row whose answer is worked with afterwards."""
        answer = await self.row(text, request, expect, **options)
        if answer.status_code != expect:
            raise BrokenOffError(text)
        return answer.json()

    def holds(self, text: str, truth: object, why: object = "") -> None:
        """Check what is no answer of its own."""
        self.report.add(self.section, text, None if truth else f"does not hold {why}")

    async def refused(
        self, cases: Iterable[tuple[str, str, int | set[int], Json]], **options: Any
    ) -> None:
        """Check a table of refusals: text, request, status, body."""
        for text, request, status, body in cases:
            await self.row(text, request, status, json=body, **options)


class BrokenOffError(Exception):
    """A row failed on which the rest of its section stands."""


async def run_section(
    caller: Caller, name: str, section: Callable[[Caller], Awaitable[None]]
) -> None:
    """Run a section; what breaks it off is a failed row."""
    try:
        await section(caller.at(name))
    except BrokenOffError as error:
        caller.report.add(name, f"the rest of this section needs: {error}", "broken off")
    except Exception:  # noqa: BLE001 - the other sections go on
        caller.report.add(name, "the section runs to its end", traceback.format_exc(limit=-3))


def is_uuid(text: object) -> bool:
    """Say whether a value is the text of a UUID."""
    try:
        return str(UUID(str(text))) == text
    except ValueError:
        return False


def unique(name: str) -> str:
    """Return a name that no earlier run used."""
    return f"{name}-{uuid4().hex[:8]}"
