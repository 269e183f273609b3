"""Take out of installed packages what no service needs at run time; for images of containers.

That is the tests and the sources in C of others' packages, stubs for type checkers, and shared
libraries that a wheel has several times under several names, as wheels cannot have links. Compiled
Python stays: in an image nothing can be written, so each start would compile it anew.

    python3 scripts/slim_packages.py FOLDER...
"""

import filecmp
import shutil
import sys
from itertools import groupby
from pathlib import Path

_FOLDERS = frozenset({"tests", "test_files"})
_SUFFIXES = frozenset({".c", ".cpp", ".h", ".hpp", ".pxd", ".pyi", ".pyx"})
_LARGE_BYTES = 100_000


def slim(folder: Path) -> int:
    """Take it out below a folder; return how much less there is [byte]."""
    before = _size(folder)
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and path.name in _FOLDERS:
            shutil.rmtree(path)
        elif path.is_file() and path.suffix in _SUFFIXES:
            path.unlink()
    _link_alike(folder)
    return before - _size(folder)


def _link_alike(folder: Path) -> None:
    """Leave one of shared libraries of a folder that are the same; the others lead to it."""
    found = [
        (path.parent, path.stat().st_size, path)
        for path in folder.rglob("*.so*")
        if path.is_file() and not path.is_symlink() and path.stat().st_size > _LARGE_BYTES
    ]
    for _, group in groupby(sorted(found), key=lambda each: each[:2]):
        first, *others = (path for *_, path in group)
        for other in others:
            if filecmp.cmp(first, other, shallow=False):
                other.unlink()
                other.symlink_to(first.name)


def _size(folder: Path) -> int:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        sys.stdout.write(f"{argument}: {slim(Path(argument)) / 1e6:.0f} MB less\n")
