"""The documents say what is there, and all of it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROBLEMS = ROOT / "docs" / "problems"
DECISIONS = ROOT / "docs" / "decisions"
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
MEMBERS = ("services", "libraries")


def slugs_in(tree: ast.AST) -> Iterator[str]:
    """Yield what a module assigns to `slug`, alone or in a tuple, or hands to problem_response."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from slugs_assigned(targets[0], node.value)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "problem_response":
            slug = node.args[2] if len(node.args) > 2 else None
            if isinstance(slug, ast.Constant):
                yield str(slug.value)


def slugs_assigned(target: ast.expr, value: ast.expr | None) -> Iterator[str]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for name, part in zip(target.elts, value.elts, strict=True):
            yield from slugs_assigned(name, part)
    elif isinstance(target, ast.Name) and target.id == "slug" and isinstance(value, ast.Constant):
        yield str(value.value)


def all_slugs() -> set[str]:
    modules = [path for folder in MEMBERS for path in (ROOT / folder).rglob("*.py")]
    return {slug for path in modules for slug in slugs_in(ast.parse(path.read_text("utf-8")))}


def test_every_problem_slug_has_a_page_and_every_page_a_slug() -> None:
    slugs = all_slugs()
    assert {"conflict", "token-invalid", "invalid-request", "internal-error"} <= slugs
    assert {path.stem for path in PROBLEMS.glob("*.md")} - {"README"} == slugs


def test_each_problem_page_names_its_type_and_the_index_links_it() -> None:
    index = (PROBLEMS / "README.md").read_text("utf-8")
    for path in PROBLEMS.glob("*.md"):
        if path.stem != "README":
            assert f"`/problems/{path.stem}`, HTTP " in path.read_text("utf-8"), path
            assert f"({path.name})" in index, path


def decisions() -> list[Path]:
    return sorted(DECISIONS.glob("[0-9]*.md"))


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in decisions()]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("path", decisions(), ids=lambda path: path.stem)
def test_a_decision_has_a_status_a_date_its_four_parts_and_at_most_forty_lines(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith(f"# {path.name[:4]}: ")
    assert re.search(
        r"^Status: (proposed|accepted|superseded by \d{4})\. Date: \d{4}-\d\d-\d\d\.$",
        text,
        re.MULTILINE,
    )
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences", "What would change our mind"]
    assert len(text.splitlines()) <= 40


def pages() -> list[Path]:
    folder_less = [path for path in ROOT.glob("*.md") if path.name != "COPYME.md"]
    return sorted([*folder_less, *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_our_pages_leads_somewhere(path: Path) -> None:
    links = LINK.findall(path.read_text("utf-8"))
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    missing = [link for link in local if not (path.parent / link).exists()]
    assert missing == []


def test_every_make_target_that_a_page_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for path in pages():
        code = re.findall(r"`+[^`]+`+", path.read_text("utf-8"))
        named = {target for text in code for target in re.findall(r"\bmake ([a-z-]+)", text)}
        assert named <= targets, path


PATH = re.compile(r"`((?:services|libraries|tests|docs|scripts|frontend|bench)/[\w./-]+)`")


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(path: Path) -> None:
    named = set(PATH.findall(path.read_text("utf-8")))
    assert {name for name in named if not (ROOT / name).exists()} == set()
