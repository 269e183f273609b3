"""The OpenAPI documents read well to a stranger."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from scanhub.openapi import documents
from scanhub_libraries.openapi import LOGIN_URL, SAFE, operations
from scanhub_libraries.security.permissions import PERMISSIONS

ACCESS = {name.replace(":path}", "}"): access for name, access in PERMISSIONS.items()}
"""By the names of the documents, which do not say how many segments a parameter takes."""

Json = dict[str, Any]
PROBLEM = "application/problem+json"
OPERATION_ID = re.compile(r"^[a-z][a-z0-9_]{2,39}$")


@pytest.fixture(scope="module")
def services() -> dict[str, Json]:
    return documents()


def each(services: dict[str, Json]) -> Iterator[tuple[str, Json, Json]]:
    """Yield a name for people, the operation and the document it stands in."""
    for document in services.values():
        for path, method, operation in operations(document):
            yield f"{method.upper()} {path}", operation, document


def resolved(document: Json, item: Json) -> Json:
    while "$ref" in item:
        node: Any = document
        for part in item["$ref"].removeprefix("#/").split("/"):
            node = node[part]
        item = node
    return item


def bodies(operation: Json, document: Json) -> Iterator[Json]:
    """Yield the schemas of the request body, each member of a union by itself."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        found = schema.get("oneOf") or schema.get("anyOf") or [schema]
        yield from (item for item in found if item.get("type") != "null")


def test_every_document_introduces_itself(services: dict[str, Json]) -> None:
    for service, document in services.items():
        info = document["info"]
        assert info["title"] == service
        assert len(info["description"]) > 100
        assert info["contact"]["name"]
        assert info["license"]["name"] == "Apache-2.0"


def test_every_operation_says_what_it_does(services: dict[str, Json]) -> None:
    for name, operation, document in each(services):
        assert operation.get("summary"), name
        assert operation.get("description"), name
        assert OPERATION_ID.match(operation["operationId"]), name
        described = {tag["name"] for tag in document["tags"]}
        assert operation.get("tags"), name
        assert set(operation["tags"]) <= described, (name, operation["tags"])


def test_operation_ids_are_unique_within_a_service(services: dict[str, Json]) -> None:
    for document in services.values():
        ids = [operation["operationId"] for _, _, operation in operations(document)]
        assert len(ids) == len(set(ids))


def test_every_tag_is_used_and_described(services: dict[str, Json]) -> None:
    for document in services.values():
        used = {tag for _, _, operation in operations(document) for tag in operation["tags"]}
        assert {tag["name"] for tag in document["tags"]} == used
        assert all(tag["description"] for tag in document["tags"])


def test_every_parameter_is_described(services: dict[str, Json]) -> None:
    missing = [
        (name, parameter["name"])
        for name, operation, _ in each(services)
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ]
    assert missing == []


def test_what_needs_a_login_says_so_and_how_it_is_refused(services: dict[str, Json]) -> None:
    for name, operation, document in each(services):
        if ACCESS[name].public:
            assert operation["security"] == [], name
            continue
        access = ACCESS[name]
        assert ({"key": []} in operation["security"]) == (access.key is not None), name
        if access.key and not access.roles:
            assert operation["security"] == [{"key": []}], name
            continue
        assert {"login": []} in operation["security"], name
        safe = name.split(" ", maxsplit=1)[0].lower() in SAFE
        assert ({"cookie": []} in operation["security"]) == safe, name
        assert {"401", "403"} <= set(operation["responses"]), name
        flow = document["components"]["securitySchemes"]["login"]["flows"]["password"]
        assert flow["tokenUrl"] == LOGIN_URL


def test_every_refusal_is_a_documented_problem(services: dict[str, Json]) -> None:
    for name, operation, document in each(services):
        statuses = set(operation["responses"])
        if "{" in name:
            assert "404" in statuses, name
        if "requestBody" in operation:
            assert {"413", "422"} <= statuses, name
        if any(parameter["name"] == "If-Match" for parameter in operation.get("parameters", ())):
            assert "412" in statuses, name
        for status, response in operation["responses"].items():
            answer = resolved(document, response)
            assert answer["description"] not in {"", "Successful Response"}, (name, status)
            if int(status) >= 400:
                content = answer["content"][PROBLEM]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, name
                check(document, content["schema"], content["example"])


VALIDATORS: dict[tuple[int, str], tuple[Json, Any]] = {}
"""By document, which is kept so that its number is its own, and schema."""


def check(document: Json, schema: Json, example: Any) -> None:
    """Validate an example against its schema."""
    key = (id(document), json.dumps(schema))
    if key not in VALIDATORS:
        whole = {**schema, "components": document["components"]}
        VALIDATORS[key] = (document, jsonschema_rs.validator_for(whole))
    VALIDATORS[key][1].validate(example)


def test_every_body_has_an_example(services: dict[str, Json]) -> None:
    missing = []
    for name, operation, document in each(services):
        for schema in bodies(operation, document):
            found = resolved(document, schema)
            if not (found.get("examples") or found.get("example")):
                missing.append((name, schema))
    assert missing == []


def test_every_example_is_valid_by_its_own_schema(services: dict[str, Json]) -> None:
    checked = 0
    for document in services.values():
        for name, schema in document["components"]["schemas"].items():
            for example in schema.get("examples", ()):
                if isinstance(example, dict):
                    check(document, {"$ref": f"#/components/schemas/{name}"}, example)
                    checked += 1
    assert checked > 20


def test_a_file_is_no_json(services: dict[str, Json]) -> None:
    for name, operation, _ in each(services):
        if re.search(r"(file|download|export|nifti|\.png|/dcm/.*)$", name) and name[:3] == "GET":
            kinds = set(operation["responses"]["200"].get("content", {}))
            assert kinds, name
            assert "application/json" not in kinds or "export" in name, name


def test_no_schema_of_the_framework_is_left(services: dict[str, Json]) -> None:
    for document in services.values():
        assert not {"HTTPValidationError", "ValidationError"} & set(
            document["components"]["schemas"]
        )
