"""Libraries that only some jobs need: imported when used, named when they are not there."""

from importlib import import_module
from typing import Any

from scanhub_jobs.errors import MissingExtraError


def load(module: str, *, extra: str = "imaging") -> Any:
    """Import a module of an extra.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module.partition('.')[0]} is not installed: pip install scanhub-jobs[{extra}]."
        ) from error
