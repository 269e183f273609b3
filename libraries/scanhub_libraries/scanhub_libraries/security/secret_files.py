"""Secrets in files: made once, whoever starts first, and readable by their owner only."""

import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from scanhub_libraries.logging import get_logger

logger = get_logger(__name__)
_OTHERS = 0o077


class SecretFileError(Exception):
    """A secret cannot be used; the text says which file and what to do."""


def lines_of(text: str) -> list[str]:
    """Return the keys of a file, one a line, the newest first; a key may have spaces in it."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def read_or_create(path: Path, make: Callable[[], str]) -> str:
    """Return the secret in a file; make it where there is none.

    Of processes that start at once all get the same: the file appears whole, and one time only.

    Raises:
        SecretFileError: The file cannot be read.
    """
    if not path.exists():
        _create(path, make())
    try:
        _close_to_others(path)
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretFileError(f"The secret in {path} cannot be read: {error}") from error


def _create(path: Path, secret: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)  # unlike a rename, it replaces nothing
    except FileExistsError:
        return
    finally:
        part.unlink()


def _close_to_others(path: Path) -> None:
    mode = path.stat().st_mode
    if not mode & _OTHERS:
        return
    try:
        path.chmod(mode & ~_OTHERS)
        logger.warning("a secret was readable by others: closed to them", path=str(path))
    except OSError as error:
        if error.errno == errno.EROFS:
            return  # mounted by somebody who says what its mode is, as secrets of a container are
        logger.warning("a secret is readable by others: make it mode 600", path=str(path))
