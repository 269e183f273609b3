"""What the pages say is tested is tested: every test that they name is there."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / "contract.md", ROOT / "docs" / "coverage.md"]
NAMED = re.compile(r"`([\w/.-]+\.(?:py|ts|tsx))::([^`]+)`")
ENDPOINT = re.compile(r"^\| `([A-Z]+) (/api/v1/[^`]+)` \| ([\w ]+) \| `", re.MULTILINE)
DEFECT = re.compile(r"^\| F(\d\d) [^|]+\|([^|]+)\|([^|]+)\|$", re.MULTILINE)


@cache
def functions_in(path: Path) -> set[str]:
    """Return the tests of a module of Python."""
    tree = ast.parse(path.read_text("utf-8"))
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def missing_in(page: Path) -> Iterator[str]:
    for file, name in NAMED.findall(page.read_text("utf-8")):
        path = ROOT / file if file.startswith("frontend/") else ROOT / "tests" / file
        if not path.is_file():
            yield f"{file} is not there"
        elif path.suffix == ".py" and name not in functions_in(path):
            yield f"{file} has no {name}"
        elif path.suffix != ".py" and name not in path.read_text("utf-8"):
            yield f"{file} has no {name!r}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    assert len(NAMED.findall(page.read_text("utf-8"))) > 20
    assert list(missing_in(page)) == []


def test_every_known_defect_has_a_row_with_a_test_or_the_milestone_that_brings_it() -> None:
    rows = DEFECT.findall(PAGES[0].read_text("utf-8"))
    assert [int(number) for number, _, _ in rows] == list(range(1, 57))
    for number, here, tests in rows:
        assert NAMED.search(tests) or "planned: " in here, f"F{number} has neither"


def test_every_endpoint_of_the_page_is_served_and_its_section_is_in_the_script() -> None:
    served = set()
    for document in (ROOT / "docs" / "openapi").glob("*.json"):
        for path, operations in json.loads(document.read_text("utf-8"))["paths"].items():
            served |= {f"{method.upper()} {path}" for method in operations}
    script = "".join(path.read_text("utf-8") for path in (ROOT / "tests/contract").glob("*.py"))
    rows = ENDPOINT.findall(PAGES[0].read_text("utf-8"))
    assert len(rows) > 60
    for method, path, section in rows:
        assert f"{method} {path}" in served, f"{method} {path}"
        assert f'"{section}"' in script, section
