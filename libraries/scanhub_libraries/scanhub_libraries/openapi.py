"""What an OpenAPI document needs so that a stranger can read it, derived from what the code has.

Routes say what they do; this adds what follows: who may call (the permission table), which refusals
to expect (path, query, headers, body), how to log in, examples, and words for names that mean the
same everywhere.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from scanhub_libraries.errors import (
    BadRequestError,
    ChecksumMismatchError,
    ConflictError,
    ForbiddenError,
    NotAcceptableError,
    NotFoundError,
    NotImplementedHereError,
    PayloadTooLargeError,
    RangeNotSatisfiableError,
    ScanHubError,
    StaleVersionError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
    UnprocessableError,
    UpstreamError,
    problem_type,
)
from scanhub_libraries.openapi_examples import EXAMPLES
from scanhub_libraries.openapi_texts import PARAMETERS, SUCCESS, TAGS
from scanhub_libraries.problems import PROBLEM_JSON
from scanhub_libraries.security.access import Access
from scanhub_libraries.security.permissions import PERMISSIONS

Json = dict[str, Any]
_OK = 200
SAFE = frozenset({"get", "head", "options"})
LOGIN_URL = "/api/v1/userlogin/login"
_ERRORS: tuple[type[ScanHubError], ...] = (
    BadRequestError,
    UnauthenticatedError,
    ForbiddenError,
    NotFoundError,
    NotAcceptableError,
    ConflictError,
    StaleVersionError,
    PayloadTooLargeError,
    RangeNotSatisfiableError,
    UnprocessableError,
    TooManyRequestsError,
    ChecksumMismatchError,
    NotImplementedHereError,
    UpstreamError,
    UnavailableError,
)
_MEANING = {
    400: "The request cannot be understood, or breaks a rule of the record.",
    401: "Nobody is logged in, or the token is not valid any more.",
    403: "The caller is known and may not do this.",
    404: "There is no such thing.",
    406: "There is nothing of a kind that `Accept` names.",
    408: "The rest of the body did not come in time.",
    409: "The state of the thing, or something that refers to it, forbids it.",
    410: "It was there, and nobody will want it again.",
    412: "The record was changed since the version in `If-Match` was read.",
    413: "The body has more bytes than this endpoint takes.",
    415: "The body is not of the kind that this endpoint takes.",
    422: "A value, a file or a limit is not acceptable; `errors` or `field` names it.",
    429: "Too many attempts: wait `Retry-After` seconds.",
    460: "The bytes that came are not those that were announced.",
    501: "This installation cannot do it; `detail` says what is missing.",
    502: "Another system gave an answer that cannot be used.",
    503: "Not now: the service is starting, or the database, a device or another service is away.",
    507: "There is no room; keep the file and try again later.",
}
_NAMING = frozenset({"username", "username_to_delete", "left", "right", "ids", "before", "other"})
"""Query parameters, beside ids, that name something which may not be there."""
_OF_PARAMETER = {"If-Match": 412, "after": 400}
_FURTHER: dict[str, tuple[int, ...]] = {
    "login": (401, 429),
    "login_from_cookie": (401,),
    "service_token": (401,),
    "change_password": (404, 429),
    "reorder_tasks": (404,),
    "unlock_user": (404,),
    "diff_sequences": (404,),
    "upload_to_xnat": (501, 502),
    "trigger_task": (501, 502),
    "stop_task": (502,),
    "begin_backup": (501,),
}
"""Refusals that do not show in the form of the operation."""
_HEADERS: dict[int, Json] = {
    401: {"WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "How long to wait [s]", "schema": {"type": "integer"}}},
}


class FieldProblem(BaseModel):
    """What is wrong with one value."""

    pointer: str = Field(description="Where it is: `/body/birth_date`, `/query/limit`")
    detail: str = Field(description="What is wrong with it")


class Problem(BaseModel):
    """Problem document after RFC 9457. Some problems have further members, such as `reasons`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`/problems/<slug>`: which problem it is; for programs")
    title: str = Field(description="The same for every problem of this type")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="What is wrong this time and what to do; for people")
    instance: str = Field(description="Path of the request")
    correlation_id: str | None = Field(
        default=None, description="Thread by which logs, events and support find it"
    )
    field: str | None = Field(default=None, description="The field it is about, if it is one")
    errors: list[FieldProblem] | None = Field(default=None, description="Every value refused")


def may_answer(*statuses: int) -> dict[int | str, Json]:
    """Return `responses` of a route for refusals that do not follow from its form."""
    return {status: {"description": _MEANING[status]} for status in statuses}


def complete(app: FastAPI, document: Json) -> None:
    """Add to the document of a service what follows from the permission table and the routes."""
    used: set[str] = set()
    for path, method, operation in operations(document):
        access = PERMISSIONS.get(f"{method.upper()} {path}", Access())
        _secure(operation, access, method)
        _describe_parameters(operation)
        _describe_responses(operation, _refusals(app, operation, access, path, method))
        used.update(operation.get("tags", ()))
    document["tags"] = [
        {"name": name, "description": text} for name, text in TAGS.items() if name in used
    ]
    _complete_components(document)


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield path, method and operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _secure(operation: Json, access: Access, method: str) -> None:
    if access.public:
        operation["security"] = []
        return
    ways: list[Json] = [{"login": []}] if access.key is None or access.roles else []
    if ways and method in SAFE:
        ways.append({"cookie": []})
    if access.key is not None:
        ways.append({"key": []})
    operation["security"] = ways


def _describe_parameters(operation: Json) -> None:
    for parameter in operation.get("parameters", ()):
        if not parameter.get("description") and parameter["name"] in PARAMETERS:
            parameter["description"] = PARAMETERS[parameter["name"]]


def _refusals(
    app: FastAPI, operation: Json, access: Access, path: str, method: str
) -> Iterator[int]:
    """Yield the statuses that follow from the form of an operation."""
    parameters = operation.get("parameters", [])
    names = {parameter["name"] for parameter in parameters}
    if not access.public:
        yield from (401, 403)
    if access.key is not None:
        yield 501
    if parameters or "requestBody" in operation:
        yield 422
    if method not in SAFE:
        yield from (400, 409)
    elif "{" in path:
        yield int(app.state.malformed_path_status)
    if "{" in path or _name_things(names):
        yield 404
    yield from (status for name, status in _OF_PARAMETER.items() if name in names)
    if "requestBody" in operation:
        yield 413
    yield from _FURTHER.get(operation["operationId"], ())
    yield 503


def _name_things(names: set[str]) -> bool:
    return any(name.endswith("_id") or name in _NAMING for name in names)


def _describe_responses(operation: Json, refusals: Iterator[int]) -> None:
    responses: Json = operation["responses"]
    for status in refusals:
        responses.setdefault(str(status), {"description": _MEANING[status]})
    for key, response in responses.items():
        code = int(key)
        if code < BadRequestError.status:
            if response.get("description") in {"Successful Response", "", None}:
                response["description"] = SUCCESS.get(code, "Done.")
            _describe_file(code, response)
            continue
        told = response.get("description")
        if code in _MEANING and told in {"Validation Error", _MEANING[code], None}:
            responses[key] = {"$ref": f"#/components/responses/{_response_name(code)}"}
        else:
            told = told or _phrase(code)
            own = response.get("content", {})
            responses[key] = {"description": told, "content": {**own, **_content(code)}}
    operation["responses"] = dict(sorted(responses.items()))


def _describe_file(status: int, response: Json) -> None:
    """Say that what is no JSON is bytes: the framework leaves the answer of a file empty."""
    if status != _OK:
        return
    content = response.setdefault("content", {}) or {"application/octet-stream": {}}
    for kind in content.values():
        schema = kind.setdefault("schema", {"type": "string", "format": "binary"})
        if "$ref" in schema:  # the framework merges the type of the response class into it
            kind["schema"] = {"$ref": schema["$ref"]}
    response["content"] = content


def _response_name(status: int) -> str:
    return _phrase(status).title().replace(" ", "")


def _phrase(status: int) -> str:
    """Return what a status is called; HTTP's own list lacks those of other standards."""
    own = {error.status: error.title for error in _ERRORS}
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else own[status]


def _content(status: int) -> Json:
    slug, title = "about-blank", _phrase(status)
    for error in _ERRORS:
        if error.status == status:
            slug, title = error.slug, error.title
    example = {
        "type": problem_type(slug),
        "title": title,
        "status": status,
        "detail": _MEANING.get(status, title),
        "instance": "/api/v1/exam/0192f0c4-7d52-7cc1-9a55-0d1b5f0f2a10",
        "correlation_id": "0192f0c4-7d52-7cc1-9a55-0d1b5f0f2a11",
    }
    return {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}


def _complete_components(document: Json) -> None:
    components: Json = document.setdefault("components", {})
    schemas: Json = components.setdefault("schemas", {})
    for replaced in ("HTTPValidationError", "ValidationError"):
        schemas.pop(replaced, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for name, example in EXAMPLES.items():
        if name in schemas:
            schemas[name].setdefault("examples", [example])
    components["schemas"] = dict(sorted(schemas.items()))
    components["responses"] = {
        _response_name(status): {
            "description": meaning,
            "content": _content(status),
            **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
        }
        for status, meaning in _MEANING.items()
    }
    components["securitySchemes"] = {
        "login": {
            "type": "oauth2",
            "description": "Log in with user name and password; send the token as Bearer.",
            "flows": {"password": {"tokenUrl": LOGIN_URL, "scopes": {}}},
        },
        "key": {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token <key>`: a key of the installation, for programs.",
        },
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": "access_token",
            "description": "The cookie that the login sets; it counts for reading only.",
        },
    }
