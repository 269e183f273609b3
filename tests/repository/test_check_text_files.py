"""Slips in text files are found with the line they are on."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def check(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("check_text_files")


@pytest.mark.parametrize(
    ("text", "slip"),
    [
        ("no end", "a.md: no newline at the end"),
        ("two ends\n\n", "a.md: more than one newline at the end"),
        ("good\nblank \n", "a.md:2: blanks at the end of the line"),
        ("good\n" + "<" * 7 + " ours\n", "a.md:2: conflict"),
    ],
)
def test_a_slip_is_named(check: ModuleType, text: str, slip: str) -> None:
    assert list(check.slips("a.md", text)) == [slip]


def test_a_clean_file_and_an_empty_one_pass(
    check: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clean, empty = tmp_path / "clean.md", tmp_path / "empty.py"
    clean.write_text("# One\n\ntwo\n")
    empty.write_text("")
    assert check.main([str(clean), str(empty)]) == 0
    assert capsys.readouterr().err == ""
