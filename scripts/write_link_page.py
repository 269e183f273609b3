"""Write docs/device-link.md and docs/asyncapi/device-link.json; `--check` only compares."""

import json
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from device_manager.links.asyncapi import document, fill
from device_manager.links.protocol import ENDINGS, FROM_DEVICE, TO_DEVICE, MessageInfo

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "device-link.md"
MARK = "<!-- What follows is made by `make openapi`. -->\n"


def type_of(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """Return the type of a field in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        target = schemas[name]
        if "enum" in target:
            return " \\| ".join(f"`{value}`" for value in target["enum"])
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(type_of(part, schemas) for part in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}), schemas)}"
    return str(schema.get("format") or schema.get("type") or "any")


def fields(name: str, schemas: dict[str, Any]) -> Iterator[str]:
    """Yield the table of the fields of a model."""
    model = schemas[name]
    rows = {key: value for key, value in model["properties"].items() if key != "command"}
    if not rows:
        yield "No fields.\n"
        return
    yield "| Field | Type | Meaning |\n|---|---|---|"
    for key, schema in rows.items():
        required = " (required)" if key in model.get("required", ()) else ""
        parts = [schema, *schema.get("anyOf", ())]
        meaning = next((part["description"] for part in parts if "description" in part), "")
        yield f"| `{key}`{required} | {type_of(schema, schemas)} | {meaning} |"
    yield ""


def messages(title: str, infos: tuple[MessageInfo, ...], schemas: dict[str, Any]) -> Iterator[str]:
    """Yield the section of one direction."""
    yield f"## {title}\n"
    for info in infos:
        yield f"### `{info.command}`\n"
        yield f"{info.meaning} {fill(info.timing)}\n"
        if info.capability is not None:
            yield f"Beyond version 1: with the capability `{info.capability}`.\n"
        yield from fields(info.model.__name__, schemas)
        example = json.dumps({"command": info.command, **info.example}, indent=2)
        yield f"```json\n{example}\n```\n"


def nested(schemas: dict[str, Any]) -> Iterator[str]:
    """Yield the tables of what messages consist of."""
    yield "## Parts of messages\n"
    top = {info.model.__name__ for info in (*FROM_DEVICE, *TO_DEVICE)}
    for name, schema in sorted(schemas.items()):
        if name in top or "properties" not in schema:
            continue
        yield f"### {name}\n"
        yield " ".join(schema.get("description", "").split()) + "\n"
        yield from fields(name, schemas)


def endings() -> Iterator[str]:
    """Yield the table of how a link ends."""
    yield "## How a link is refused or ended\n"
    yield "| Code | Why | What to do |\n|---|---|---|"
    for ending in ENDINGS:
        why, remedy = fill(ending.reason), fill(ending.remedy)
        yield f"| {int(ending.code)} ({ending.kind}) | {why} | {remedy} |"


def page(described: dict[str, Any]) -> str:
    """Return the part of the page that is made."""
    schemas = described["components"]["schemas"]
    lines = [
        *messages("From the device", FROM_DEVICE, schemas),
        *messages("To the device", TO_DEVICE, schemas),
        *nested(schemas),
        *endings(),
    ]
    return "\n".join(lines).rstrip() + "\n"


def main(arguments: list[str]) -> int:
    """Write both, or say whether they are current."""
    described = document(version("device-manager"))
    prose = PAGE.read_text("utf-8").partition(MARK)[0]
    wanted = {
        PAGE: f"{prose}{MARK}\n{page(described)}",
        DOCS / "asyncapi" / "device-link.json": json.dumps(described, indent=2) + "\n",
    }
    stale = [
        path for path, text in wanted.items() if not path.is_file() or path.read_text() != text
    ]
    if arguments == ["--check"]:
        names = ", ".join(path.name for path in stale)
        if stale:
            print(f"Not current: {names}. Run `make openapi` and commit.", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(wanted[path], "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
