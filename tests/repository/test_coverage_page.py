"""docs/coverage.md accounts for every public name of others, and says nothing that is not so.

`mercure_names.txt` has the public names of mercure's programs (bookkeeper, common, routing):
functions, classes and their members, one in a line. `dcm_processor_names.txt` has those of
dcm-processor's service SDK, with its modules, events, fields of a job and variables.
"""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "coverage.md").read_text("utf-8")
NAMES = (Path(__file__).parent / "mercure_names.txt").read_text("utf-8").split()
DCM_PROCESSOR = (Path(__file__).parent / "dcm_processor_names.txt").read_text("utf-8").split()
STATUS = re.compile(
    r"here|partly|gone|planned: (routing|processing|deployment|templates in the .*)"
)
TEST = re.compile(r"`(\w[\w/]*\.py)::(test_\w+)`")
PLACE = re.compile(r"`[\w./-]+/[\w./-]+`|\]\([\w./-]+|`scanhub \w+`|`(GET|POST) /|`/[\w/{}]+`")


def tables() -> Iterator[tuple[str, list[str]]]:
    """Yield the heading and the cells of each row."""
    heading = ""
    for line in PAGE.splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").strip()
        elif line.startswith("| ") and not line.startswith("| Name |"):
            yield heading, [cell.strip() for cell in line.strip("| ").split(" | ")]


ROWS = list(tables())


def modules() -> dict[str, list[str]]:
    """Return the names of each module, as the page has them: without the module."""
    found: dict[str, list[str]] = {}
    for name in NAMES:
        parts = name.split(".")
        length = 1 if parts[0] == "bookkeeper" else 2
        found.setdefault(".".join(parts[:length]), []).append(".".join(parts[length:]))
    return found


@cache
def named(module: str) -> dict[str, str]:
    """Return the status of each name in the section of a module."""
    rows = [cells for heading, cells in ROWS if heading == f"mercure: `{module}`"]
    pairs = [(name, cells[1]) for cells in rows for name in re.findall(r"`([^`]+)`", cells[0])]
    assert len(pairs) == len({name for name, _ in pairs}), "a name stands in two rows"
    return dict(pairs)


@pytest.mark.parametrize("module", modules())
def test_every_public_name_of_mercure_has_a_row(module: str) -> None:
    page, names = named(module), modules()[module]
    apart = {name.partition(".")[0] for name in page if "." in name}
    missing = [
        name
        for name in names
        if name not in page and ("." not in name or name.partition(".")[0] not in page)
    ]
    assert missing == []
    assert set(page) <= set(names), "a name that mercure does not have"
    # A class whose members have rows has either all of them there, or the rest follow the class.
    assert all(owner in page for owner in apart), apart


def test_the_list_is_that_of_mercure() -> None:
    counted = {module: len(names) for module, names in modules().items()}
    assert len(NAMES) == len(set(NAMES)) == 397
    assert counted["bookkeeper"] == 20
    assert counted["common.types"] == 194


def test_every_name_of_dcm_processor_has_a_row() -> None:
    heading = "dcm-processor: `dcm_processor_service`"
    cells = [cells[0] for found, cells in ROWS if found == heading]
    page = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    assert len(page) == len(set(page)), "a name stands in two rows"
    assert len(DCM_PROCESSOR) == len(set(DCM_PROCESSOR)) == 63
    assert set(page) - {"added_params"} == set(DCM_PROCESSOR)


def test_each_of_the_16_features_of_jobs_names_what_holds_it() -> None:
    heading = "dcm-processor: what each feature is held to"
    rows = [cells for found, cells in ROWS if found == heading]
    assert [int(cells[0].split()[0]) for cells in rows] == list(range(1, 17))
    assert [cells[0] for cells in rows if not TEST.search(cells[2])] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1][0][:40])
def test_every_row_has_a_status_and_a_place_or_a_reason(row: tuple[str, list[str]]) -> None:
    _, cells = row
    assert len(cells) == 3, cells
    name, status, where = cells
    assert STATUS.fullmatch(status), name
    assert status.startswith("planned") or len(where) > 10, name
    if status == "here":
        assert PLACE.search(where) or TEST.search(where) or "`RuleOptions`" in where, name


# --- what a row says is there ---------------------------------------------------------------------

SAID = [
    (cells[0], word) for _, cells in ROWS for word in re.findall(r"`([^`]+)`", " ".join(cells[2:]))
]
"""The name of a row, and what stands in it as code."""


def test_every_place_that_a_row_names_is_there() -> None:
    places = {word for _, word in SAID if re.fullmatch(r"[\w.-]+(/[\w.-]+)+", word)}
    assert len(places) > 50
    assert {place for place in places if not (ROOT / place).exists()} == set()


def test_what_a_row_says_to_be_in_a_file_is_in_it() -> None:
    inside = re.findall(r"`@?([\w.]+)` in `([\w./-]+\.py)`", PAGE)
    inside += re.findall(r"`(R\w+)`(?:, same words)?: `([\w./-]+\.py)`", PAGE)
    assert len(inside) > 5
    missing = {
        (name, path)
        for name, path in inside
        if not re.search(rf"\b{name.rpartition('.')[2]}\b", (ROOT / path).read_text("utf-8"))
    }
    assert missing == set()


def test_every_route_that_a_row_names_is_in_an_openapi_document() -> None:
    known = {
        re.sub(r"\{[^}]*\}", "{}", path)
        for file in (ROOT / "docs" / "openapi").glob("*.json")
        for path in json.loads(file.read_text("utf-8"))["paths"]
    }
    asked = [re.fullmatch(r"(?:GET |POST |PUT )?(/[\w/{}.-]+)", word) for _, word in SAID]
    routes = {re.sub(r"\{[^}]*\}", "{}", found[1]) for found in asked if found}
    assert len(routes) > 10
    assert {one for one in routes if not any(f"{one}/" in f"{path}/" for path in known)} == set()


def test_every_setting_that_a_row_names_is_documented() -> None:
    pages = [ROOT / "docs" / f"{name}.md" for name in ("settings", "jobs")]
    settings = "".join(page.read_text("utf-8") for page in pages)
    names = {word for _, word in SAID if re.fullmatch(r"SCANHUB_[A-Z0-9_]+", word)}
    assert len(names) > 8
    assert {name for name in names if name not in settings} == set()


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


@pytest.mark.parametrize("page", ["coverage", "mercure-lessons"])
def test_every_test_that_a_page_names_exists(page: str) -> None:
    named_tests = TEST.findall((ROOT / "docs" / f"{page}.md").read_text("utf-8"))
    assert named_tests
    for path, name in named_tests:
        file = ROOT / "tests" / path
        assert file.is_file(), path
        assert name in functions_of(file), f"{path}::{name}"
