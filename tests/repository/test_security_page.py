"""Each measure of docs/security.md has a test that is there; the bill of materials has it all."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def measures() -> list[str]:
    section = PAGE.partition("## Measures")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| ")][1:]


def test_each_measure_names_a_test_that_is_there() -> None:
    assert len(measures()) > 20
    for row in measures():
        found = TEST.search(row)
        assert found is not None, row
        assert f"def {found[2]}(" in (ROOT / found[1]).read_text("utf-8"), row


def test_each_section_of_the_runbook_names_a_test_that_is_there() -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    sections = page.split("\n## ")[1:]
    steps = [one for one in sections if "\n1. " in one or "Tried by" in one]
    assert len(steps) > 8
    for section in steps:
        found = TEST.findall(section.partition("Tried by")[2])
        assert found, section.partition("\n")[0]
        for path, name in found:
            assert f"def {name}(" in (ROOT / path).read_text("utf-8"), name


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_sbom", ROOT / "scripts" / "write_sbom.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_bill_has_everything_that_is_locked(writer: ModuleType) -> None:
    document = writer.bill()
    found = {component["bom-ref"]: component for component in document["components"]}
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    locked = re.findall(
        r"^[\w.-]+(?:\[.*\])?==", (ROOT / "requirements.lock").read_text(), re.MULTILINE
    )
    assert len([ref for ref in found if ref.startswith("pkg:pypi/")]) == len(locked)
    fastapi = next(one for ref, one in found.items() if ref.startswith("pkg:pypi/fastapi@"))
    assert fastapi["scope"] == "required"
    assert fastapi["externalReferences"][0]["hashes"][0]["alg"] == "SHA-256"
    react = next(one for ref, one in found.items() if ref.startswith("pkg:npm/react@"))
    assert (react["scope"], react["hashes"][0]["alg"]) == ("required", "SHA-512")
    pytest_ = next(one for ref, one in found.items() if ref.startswith("pkg:pypi/ruff@"))
    assert pytest_["scope"] == "excluded"
