"""JSON in the engine's database: whoever can write there cannot make us run code."""

import json
from typing import Any

from dbos import Serializer


class JSONSerializer(Serializer):
    """Writes JSON values; an exception becomes its text."""

    def name(self) -> str:
        """How the engine marks what was written this way."""
        return "scanhub_json"

    def serialize(self, data: Any) -> str:
        """Write a value."""
        if isinstance(data, BaseException):
            data = {"__error__": f"{type(data).__name__}: {data}"}
        return json.dumps(data, separators=(",", ":"))

    def deserialize(self, serialized_data: str) -> Any:
        """Read a value."""
        value = json.loads(serialized_data)
        if isinstance(value, dict) and "__error__" in value:
            return RuntimeError(value["__error__"])
        return value
