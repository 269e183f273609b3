"""The size gate counts what a reader counts."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def gate(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("check_sizes")


def offences(gate: ModuleType, folder: Path, text: str) -> list[str]:
    path = folder / "module.py"
    path.write_text(text)
    return list(gate.too_long(path))


def function(lines: int, header: str = "def scan():\n") -> str:
    return header + "    pass\n" * (lines - header.count("\n"))


def test_a_module_of_400_lines_passes_and_one_of_401_does_not(
    gate: ModuleType, tmp_path: Path
) -> None:
    assert offences(gate, tmp_path, "x = 1\n" * 400) == []
    assert len(offences(gate, tmp_path, "x = 1\n" * 401)) == 1


@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_a_function_of_40_lines_passes_and_one_of_41_does_not(
    gate: ModuleType, tmp_path: Path, keyword: str
) -> None:
    header = f"{keyword} scan():\n"
    assert offences(gate, tmp_path, function(40, header)) == []
    (offence,) = offences(gate, tmp_path, function(41, header))
    assert "scan has 41 lines, at most 40" in offence


def test_a_docstring_is_free(gate: ModuleType, tmp_path: Path) -> None:
    documented = 'def scan():\n    """Scan.\n\n    Slowly.\n    """\n'
    assert offences(gate, tmp_path, function(44, documented)) == []
    assert len(offences(gate, tmp_path, function(45, documented))) == 1


def test_a_method_and_an_inner_function_count_too(gate: ModuleType, tmp_path: Path) -> None:
    body = "".join(f"        {line}" for line in function(41).splitlines(keepends=True))
    text = f"class Scanner:\n    def outer(self):\n{body}"
    assert len(offences(gate, tmp_path, text)) == 2


def test_the_gate_looks_at_every_package_and_not_at_made_migrations(
    gate: ModuleType, tmp_path: Path
) -> None:
    wanted = tmp_path / "services" / "exam-manager" / "exam_manager" / "main.py"
    made = wanted.parent / "migrations" / "versions" / "0001_first.py"
    for path in (wanted, made):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    assert list(gate.modules(tmp_path)) == [wanted]


@pytest.mark.long  # `make check` says so too
def test_this_repository_passes(gate: ModuleType) -> None:
    assert gate.main() == 0
