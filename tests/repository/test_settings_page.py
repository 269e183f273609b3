"""docs/settings.md has every variable that an installation reads."""

from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("write_settings_page")


def test_the_page_is_current(script: ModuleType) -> None:
    assert script.main(["--check"]) == 0


def test_every_setting_has_a_meaning(script: ModuleType) -> None:
    rows = [row for settings in script.SECTIONS.values() for row in script.rows(settings)]
    assert [row for row in rows if row.endswith("|  |")] == []


def test_what_the_installation_gives_are_settings_of_the_service(script: ModuleType) -> None:
    for settings, given in script.GIVEN.items():
        assert given <= set(settings.model_fields), settings
