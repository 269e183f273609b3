"""Odd values in every field, query, header and path of every endpoint of a service.

They are refused with a problem document, or taken; nothing makes a server error. That a neighbour
or a scanner is away (502, 503), or that something is not done here (501), is none.
"""

import copy
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from effort import IN_CI

from scanhub_libraries.openapi import operations

PROBLEM = "application/problem+json"
ONE_IN = 1 if IN_CI else 4
"""Of so many requests one is sent: of each field other values, and all of them in CI."""
SAID = frozenset({501, 502, 503})
"""Answers that say what is missing; a service has them in its document."""
UNKNOWN = "0190aaaa-0000-7000-8000-00000000ffff"
DEEP: Any = "end"
for _ in range(500):
    DEEP = {"d": DEEP}
Ids = dict[str, str]
Json = dict[str, Any]
Request = Callable[..., Awaitable[httpx.Response]]
Place = Callable[[str, Json], tuple[Json, Ids]]
ODD: dict[str, Any] = {
    "nothing": None,
    "empty": "",
    "blank": " ",
    "NUL": "a\x00b",
    "half a character": "\ud800",
    "long": "x" * 100_000,
    "path": "../../etc/passwd",
    "header": "a\r\nX-Evil: 1",
    "huge": 10**400,
    "large": 2**63,
    "negative": -1,
    "float": 1e308,
    "truth": True,
    "list": [],
    "lists": [[]],
    "object": {},
    "NUL key": {"a\x00b": 1},
    "half a key": {"\ud800": "\ud800"},
    "deep": DEEP,
    "time": "9999-12-31T23:59:59.999999999Z",
    "date": "0000-00-00",
}
RAW: dict[str, bytes] = {
    "no JSON": b"{",
    "no text": b"\xff\xfe",
    "NaN": b'{"name": NaN, "parameter": {"a": NaN}}',
    "infinity": b'{"height": 1e999, "parameter": {"a": -Infinity}}',
    "a key twice": b'{"name": "a", "name": null}',
    "very deep": b"[" * 100_000 + b"]" * 100_000,
    "a number without end": b'{"name": ' + b"9" * 10_000 + b"}",
    "a list": b"[]",
    "a text": b'"text"',
    "nothing": b"null",
}
QUERIES = ["", "%00", "x" * 10_000, "-1", "1e999", "9" * 400, "%ff%fe", "%ed%a0%80", "null", "'--"]
_CONTENT_TYPES = ("text/plain", "application/xml", "multipart/form-data", "x", "")


def as_it_is(_row: str, example: Json) -> tuple[Json, Ids]:
    """Return an example, of which nothing is known."""
    return example, {}


@dataclass
class Crawler:
    """Sends odd requests to every operation of a document."""

    document: Json
    request: Request
    """Sends a request: row, path, and what httpx takes."""
    place: Place = as_it_is
    """Return an example of a row as it may be sent, and ids that its path takes."""
    left_out: frozenset[str] = field(default_factory=frozenset)
    """Rows that are not asked: `METHOD /path`."""
    made: int = 0
    """Requests that were made up so far."""

    def rows(self) -> Iterator[tuple[str, str, Json]]:
        """Yield row, path and operation."""
        for path, method, operation in operations(self.document):
            row = f"{method.upper()} {path}"
            if row not in self.left_out:
                yield row, path, operation

    async def send(self, row: str, path: str, what: str, **options: Any) -> None:
        """Send a request; whatever is wrong with it, the answer says so as it should."""
        self.made += 1
        if self.made % ONE_IN:
            return
        answer = await self.request(row, path, **options)
        assert answer.status_code < 500 or answer.status_code in SAID, (
            row,
            what,
            answer.text[:500],
        )
        if answer.is_error:
            assert answer.headers["content-type"] == PROBLEM, (row, what, answer.text[:300])

    async def odd_fields(self) -> int:
        """Try every odd value in every field; return how many requests there are."""
        sent = 0
        for row, path, operation in self.rows():
            for example in json_bodies(self.document, operation):
                body, known = self.place(row, example)
                for what, odd in with_odd_fields(body):
                    await self.send(row, filled(path, known=known), what, **encoded(odd))
                    sent += 1
        return sent

    async def bodies_that_are_none(self) -> int:
        """Send what is no JSON document, or says that it is something else."""
        sent = 0
        for row, path, operation in self.rows():
            if "requestBody" not in operation:
                continue
            for what, content in RAW.items():
                headers = {"Content-Type": "application/json"}
                await self.send(row, filled(path), what, content=content, headers=headers)
            for kind in _CONTENT_TYPES:
                headers = {"Content-Type": kind}
                await self.send(row, filled(path), kind, content=b"a=b", headers=headers)
            sent += len(RAW) + len(_CONTENT_TYPES)
        return sent

    async def odd_queries_and_paths(self) -> int:
        """Send odd queries, headers and paths."""
        sent = 0
        for row, path, operation in self.rows():
            for parameter in operation.get("parameters", ()):
                for odd in QUERIES if parameter["in"] != "path" else ():
                    name, sent = parameter["name"], sent + 1
                    if parameter["in"] == "query":
                        await self.send(row, f"{filled(path)}?{name}={odd}", name)
                    elif parameter["in"] == "header":
                        await self.send(row, filled(path), name, headers={name: odd})
            if "{" in path:
                for odd in [*QUERIES[1:], "no-uuid", "..%2f..%2fetc%2fpasswd", "%2e%2e"]:
                    await self.send(row, filled(path, odd[:2000]), odd[:20])
                    sent += 1
        return sent


def resolved(document: Json, schema: Json) -> Json:
    """Return a schema, not a reference to one."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema


def json_bodies(document: Json, operation: Json) -> Iterator[Json]:
    """Yield an example of each JSON body of an operation."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return
    schema = content["schema"]
    for one in schema.get("oneOf") or schema.get("anyOf") or [schema]:
        found = resolved(document, one).get("examples") or one.get("examples")
        if found:
            yield found[0]


def with_odd_fields(example: Json) -> Iterator[tuple[str, Json]]:
    """Yield a body for each field and each odd value, also one level down."""
    for name, value in example.items():
        for what, odd in ODD.items():
            yield f"{name}: {what}", {**example, name: odd}
        if isinstance(value, dict):
            for below, odd_below in [(key, odd) for key in value for odd in (None, "x", -1, [])]:
                changed = copy.deepcopy(example)
                changed[name][below] = odd_below
                yield f"{name}.{below}", changed
    yield "no fields", {}


def filled(path: str, value: str = UNKNOWN, known: Ids | None = None) -> str:
    """Return a path with ids in it: those that are known by their names, else `value`."""
    return re.sub(r"{(\w+)}", lambda name: (known or {}).get(name[1], value), path)


def encoded(body: Any) -> Json:
    """Return a JSON body as httpx takes it, half characters and all."""
    return {
        "content": json.dumps(body).encode(),
        "headers": {"Content-Type": "application/json"},
    }
