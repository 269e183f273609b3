"""A new package with a job, its test and what it needs to be found: `scanhub-jobs new`."""

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from scanhub_jobs.errors import JobDefinitionError

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,48}[a-z0-9])?")
_FILES = {
    "pyproject.toml": "pyproject.toml.txt",
    "README.md": "README.md.txt",
    "{package}/__init__.py": "",
    "{package}/job.py": "job.py.txt",
    "tests/test_job.py": "test_job.py.txt",
}


def write_package(name: str, folder: Path) -> list[Path]:
    """Write a package with a job, and return its files.

    Args:
        name: Of the job and of the package: small letters, digits and dashes.
        folder: Where the package's folder is made; there is none of that name yet.

    Raises:
        JobDefinitionError: The name is none, or there is such a folder.
    """
    package = name.replace("-", "_")
    if not _NAME.fullmatch(name) or keyword.iskeyword(package):
        raise JobDefinitionError(
            f"{name!r} names no package: a small letter, then small letters, digits and dashes."
        )
    home = folder / name
    if home.exists():
        raise JobDefinitionError(f"There is a {home} already.")
    words = {"name": name, "package": package, "function": package}
    templates = files("scanhub_jobs").joinpath("template")
    written = []
    for target, source in _FILES.items():
        path = home / target.format(**words)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = templates.joinpath(source).read_text("utf-8") if source else f'"""{name}."""\n'
        path.write_text(Template(text).substitute(words), encoding="utf-8")
        written.append(path)
    return written
