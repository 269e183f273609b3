"""docs/dicom-conformance.md has the tables of the code."""

from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("write_conformance_page")


def test_the_page_is_current(script: ModuleType) -> None:
    assert script.main(["--check"]) == 0


def test_every_table_is_on_the_page_and_has_rows(script: ModuleType) -> None:
    text = script.PAGE.read_text("utf-8")
    for name, made in script.TABLES.items():
        assert text.count(f"<!-- table: {name} -->\n") == 1, name
        assert len(made().splitlines()) > 2, name
    assert "not current" not in script.current(text)


def test_a_table_that_is_out_of_date_is_noticed(script: ModuleType) -> None:
    text = script.PAGE.read_text("utf-8")
    assert script.current(text.replace("| Verification SOP Class |", "| Something |")) == text
