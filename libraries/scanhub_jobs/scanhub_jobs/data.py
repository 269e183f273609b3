"""Session data as a job sees them: a mapping of names to JSON values."""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from scanhub_jobs.backend import DataStore, Producer
from scanhub_jobs.errors import ValueRefusedError
from scanhub_jobs.values import json_text

_LONGEST_NAME = 200


class DataView(Mapping[str, Any]):
    """Data of one producer, to read. A stored None is a value; a missing name is a KeyError."""

    def __init__(self, store: DataStore, producer: Producer) -> None:
        self._store = store
        self._producer = producer

    def __getitem__(self, name: str) -> Any:
        return self._store.read(self._producer, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._store.names(self._producer))

    def __len__(self) -> int:
        return len(self._store.names(self._producer))


class SessionData(DataView, MutableMapping[str, Any]):
    """Data of the running job: each value is stored when it is set, in one step."""

    def __setitem__(self, name: str, value: Any) -> None:
        if not 0 < len(name) <= _LONGEST_NAME:
            raise ValueRefusedError(
                f"The name of session data has 1 to {_LONGEST_NAME} characters, not {name!r:.50}."
            )
        self._store.write(name, json_text(value, name))

    def __delitem__(self, name: str) -> None:
        self._store.remove(name)
