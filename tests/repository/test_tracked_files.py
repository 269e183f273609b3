"""What is committed is fit for anybody's machine."""

import json
import re
import subprocess
import tomllib
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Written in parts, so that this file is none of its own findings.
FORBIDDEN = {
    "the host of a package registry": [
        "pypi" + ".org", "files.python" + "hosted", "npm" + "js.org", "deb" + ".debian.org",
    ],
    "a path of somebody's machine": ["/wo" + "rk/", "/ho" + "me/", "/Us" + "ers/"],
}  # fmt: skip


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git working tree")
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("meaning", FORBIDDEN)
def test_no_tracked_file_names(meaning: str) -> None:
    patterns = [part for text in FORBIDDEN[meaning] for part in ("-e", text)]
    found = git("grep", "-n", "-I", "-F", *patterns)
    assert found.returncode == 1, found.stdout + found.stderr


def test_the_lock_has_a_hash_for_everything_and_an_address_for_nothing() -> None:
    for lock in (ROOT / "requirements.lock", *(ROOT / "scripts").glob("*-requirements.lock")):
        text = lock.read_text("utf-8")
        assert "://" not in text
        entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
        assert entries
        assert all("==" in entry and "--hash=sha256:" in entry for entry in entries), lock


def test_the_lock_of_the_frontend_has_no_addresses_either() -> None:
    lock = json.loads((ROOT / "frontend" / "package-lock.json").read_text("utf-8"))
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []


def test_the_lock_of_the_frontend_has_every_package_for_every_platform() -> None:
    """Where one for another platform is missing, `npm ci` of some versions refuses the lock."""
    lock = json.loads((ROOT / "frontend" / "package-lock.json").read_text("utf-8"))
    locked = {path.rpartition("node_modules/")[2] for path in lock["packages"]}
    wanted = {
        name
        for entry in lock["packages"].values()
        for name in entry.get("optionalDependencies", ())
    }
    assert wanted - locked == set()


def test_every_dependency_of_a_member_is_locked() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    projects = [*ROOT.glob("libraries/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")]
    members = {tomllib_load(path)["project"]["name"] for path in projects}
    for path in projects:
        project = tomllib_load(path)["project"]
        extras = project.get("optional-dependencies", {}).values()
        for requirement in chain(project["dependencies"], *extras):
            name = re.match(r"[\w.-]+", requirement)
            assert name, requirement
            assert name[0].lower() in locked | members, f"{requirement} of {path}: make lock"


def tomllib_load(path: Path) -> dict:
    return tomllib.loads(path.read_text("utf-8"))


def test_the_licence_is_apache_2_everywhere() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    for path in (ROOT / "pyproject.toml", *ROOT.glob("*/*/pyproject.toml")):
        assert tomllib_load(path)["project"]["license"] == "Apache-2.0", path


def test_programs_can_be_executed() -> None:
    listed = git("ls-files", "--stage", ".ci/run", "scripts/lock.sh").stdout.splitlines()
    assert len(listed) == 2
    assert all(line.startswith("100755 ") for line in listed)


def test_what_tests_import_by_its_name_alone_has_a_name_of_its_own() -> None:
    """Their folders are on one path: whichever was imported first would be found by all."""
    sources = [path for path in (ROOT / "tests").rglob("*.py") if path.parent.name != "contract"]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    imported = set(re.findall(r"^ *(?:from|import) (\w+)", text, flags=re.MULTILINE))
    names = Counter(path.stem for path in sources if path.stem in imported - {"conftest"})
    assert [name for name, count in names.items() if count > 1] == []
