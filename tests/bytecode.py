"""Compiles a fresh clone once: else each worker would do so, all the same modules at a time."""

import compileall
import importlib.util
import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

_SOURCES = ("libraries", "services", "tests")
_PLUGIN = "/libraries/scanhub_jobs/"
"""Where a plugin of pytest is, whose whole package is taken for tests."""
_FEW = 50
"""So many modules that have changed the workers compile by themselves."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Compile what has never been, on all processors; what is wrong the workers tell."""
    if sys.dont_write_bytecode:
        return
    paths = [path for folder in _SOURCES for path in (config.rootpath / folder).rglob("*.py")]
    fresh = [path for path in paths if not _place_of(path).exists()]
    if len(fresh) < _FEW:
        return
    share = os.cpu_count() or 1
    for pid in [_begin(config, fresh[first::share]) for first in range(share)]:
        os.waitpid(pid, 0)


def _is_rewritten(path: Path) -> bool:
    """Say whether pytest makes its `assert` statements tell what they compared."""
    is_test = path.name.startswith("test_") or path.name == "conftest.py"
    return is_test or _PLUGIN in path.as_posix()


def _place_of(path: Path) -> Path:
    if _is_rewritten(path):
        return rewrite.get_cache_dir(path) / (path.stem + rewrite.PYC_TAIL)
    return Path(importlib.util.cache_from_source(str(path)))


def _begin(config: pytest.Config, paths: list[Path]) -> int:
    """Compile in a process of its own; return its id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        for path in paths:
            _compile(config, path)
    finally:
        os._exit(0)


def _compile(config: pytest.Config, path: Path) -> None:
    if not _is_rewritten(path):
        compileall.compile_file(path, quiet=2)
        return
    with suppress(SyntaxError):
        digest, code = rewrite._rewrite_test(path, config)
        rewrite.try_makedirs(rewrite.get_cache_dir(path))
        state = config.stash[rewrite.assertstate_key]
        rewrite._write_pyc(state, code, digest, _place_of(path))
