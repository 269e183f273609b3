"""Session data are JSON values: what is not is refused where it is set, not where it is read."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from scanhub_jobs.errors import ValueRefusedError

MOST_BYTES = 1 << 20
"""Largest value as JSON text; what is larger is a file."""


def json_value(value: Any, place: str = "value") -> Any:
    """Return a value in the types of JSON; numpy's scalars and tuples become Python's.

    Args:
        value: Anything.
        place: Its name, for the message.

    Raises:
        ValueRefusedError: There is something in it that JSON does not have.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueRefusedError(f"{place} is {value}; JSON has finite numbers only.")
        return value
    if isinstance(value, Mapping):
        return {_key(k, place): json_value(v, f"{place}[{k!r}]") for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(v, f"{place}[{i}]") for i, v in enumerate(value)]
    hint = " An array belongs into a file." if isinstance(value, np.ndarray) else ""
    raise ValueRefusedError(f"{place} is a {type(value).__name__}, which JSON does not have.{hint}")


def _key(key: Any, place: str) -> str:
    if not isinstance(key, str):
        raise ValueRefusedError(f"{place} has the key {key!r}; keys of JSON objects are strings.")
    return key


def json_text(value: Any, place: str = "value") -> str:
    """Return a value as JSON text of limited size.

    Raises:
        ValueRefusedError: It is no JSON value, or larger than `MOST_BYTES`.
    """
    text = json.dumps(json_value(value, place), ensure_ascii=False)
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        raise ValueRefusedError(
            f"{place} has {size} bytes, at most {MOST_BYTES} are session data; put it into a file."
        )
    return text
