"""Setting up is done once, and again exactly when something changed."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def setup(
    load_script: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """The set-up script, in a working tree of its own."""
    script = load_script("setup")
    for name in ("VENV", "TOOLS", "FRONTEND"):
        monkeypatch.setattr(script, name, tmp_path / getattr(script, name).name)
    monkeypatch.setattr(script, "ROOT", tmp_path)
    return script


def program(folder: Path, name: str, says: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)


def test_a_stamp_holds_until_a_file_or_a_fact_changes(setup: ModuleType, tmp_path: Path) -> None:
    lock, stamp = tmp_path / "requirements.lock", tmp_path / "stamp"
    lock.write_text("fastapi==1")
    before = setup.digest([lock], "3.11")
    assert not setup.is_done(stamp, before)
    stamp.write_text(before)
    assert setup.is_done(stamp, setup.digest([lock], "3.11"))
    assert not setup.is_done(stamp, setup.digest([lock], "3.12"))
    lock.write_text("fastapi==2")
    assert not setup.is_done(stamp, setup.digest([lock], "3.11"))


def test_a_renamed_file_is_a_change(setup: ModuleType, tmp_path: Path) -> None:
    old, new = tmp_path / "old.tsx", tmp_path / "new.tsx"
    old.write_text("same")
    before = setup.digest([old])
    old.rename(new)
    assert setup.digest([new]) != before


@pytest.mark.parametrize(
    ("version", "good"), [("v18.19.0", False), ("v20.0.0", True), ("v24.19.0", True)]
)
def test_node_of_the_machine_is_taken_from_version_20_on(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, good: bool
) -> None:
    program(tmp_path / "bin", "node", version)
    program(tmp_path / "bin", "npm", "10.0.0")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert setup.has_system_node() is good


def test_node_without_npm_is_not_enough(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", "node", "v24.19.0")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert not setup.has_system_node()


def test_a_uv_that_does_not_run_is_no_uv(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", "uv", "'no such version' >&2; exit 127")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert setup.find_uv() is None


def test_the_ui_is_skipped_where_there_is_none(setup: ModuleType) -> None:
    setup.set_up_ui()


def test_a_failing_command_is_told_in_a_sentence(setup: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(setup.SetupError, match=r"this command failed.*exit 3"):
        setup.run("sh", "-c", "exit 3", cwd=tmp_path)
    with pytest.raises(setup.SetupError, match="no-such-program"):
        setup.run("no-such-program", cwd=tmp_path)


def test_a_quiet_command_is_heard_only_when_it_fails(
    setup: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    setup.run("sh", "-c", "echo hundreds of lines", cwd=tmp_path, quiet=True)
    assert capfd.readouterr().out == ""
    with pytest.raises(setup.SetupError):
        setup.run("sh", "-c", "echo what went wrong; exit 1", cwd=tmp_path, quiet=True)
    assert "what went wrong" in capfd.readouterr().out


def test_the_ui_is_built_again_only_when_a_source_changed(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "frontend" / "src" / "main.tsx"
    source.parent.mkdir(parents=True)
    source.write_text("one")
    for name in ("package.json", "package-lock.json"):
        (tmp_path / "frontend" / name).write_text("{}")
    program(tmp_path / "bin", "node", "v24.19.0")
    calls = tmp_path / "calls"
    build = f"10.0.0; echo $1 >> {calls}; mkdir -p node_modules dist"
    program(tmp_path / "bin", "npm", build)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")

    def npm_calls() -> list[str]:
        calls.unlink(missing_ok=True)
        setup.set_up_ui()
        made = calls.read_text().split() if calls.exists() else []
        return [call for call in made if call != "--version"]

    assert npm_calls() == ["ci", "run"]
    assert npm_calls() == []
    source.write_text("two")
    assert npm_calls() == ["run"]


def test_the_script_runs_on_the_standard_library_alone() -> None:
    script = Path(__file__).resolve().parents[2] / "scripts" / "setup.py"
    code = f"import runpy; runpy.run_path({str(script)!r}, run_name='setup')"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
