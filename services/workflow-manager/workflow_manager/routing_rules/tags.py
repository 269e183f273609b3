"""The tags of a series, as an expression sees them; every look at one is noted. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workflow_manager.routing_rules.limits import RuleError

_LONGEST_KEYWORD = 64


@dataclass(frozen=True, slots=True)
class TagAccess:
    """A tag that an expression looked at. Its value is not kept: it may name a patient."""

    keyword: str
    known: bool
    """The series has it, or could have had it: an absent attribute that is kept is empty."""
    has_value: bool


class TagNotFoundError(Exception):
    """An expression asks for a tag that is not kept: it does not hold, and that is no error."""

    def __init__(self, keyword: str) -> None:
        super().__init__(f"There is no tag {keyword[:_LONGEST_KEYWORD]!r}.")
        self.keyword = keyword[:_LONGEST_KEYWORD]


class Tags:
    """Values by keyword, all of them text."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)
        self._accessed: dict[str, TagAccess] = {}

    @property
    def accessed(self) -> tuple[TagAccess, ...]:
        """What was looked at, in order, each once."""
        return tuple(self._accessed.values())

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, keyword: object) -> bool:
        if not isinstance(keyword, str):
            raise RuleError("Tags have names: write 'Modality' in tags.")
        self._note(keyword)
        return keyword in self._values

    def item(self, keyword: Any) -> str:
        """Return `tags["Keyword"]`, in exactly this case.

        Raises:
            TagNotFoundError: There is none.
        """
        if keyword not in self:
            raise TagNotFoundError(keyword)
        return self._values[keyword]

    def attribute(self, keyword: str) -> str:
        """Return `tags.Keyword`, in any case where there is none in this one.

        Raises:
            TagNotFoundError: There is none.
        """
        if keyword not in self._values:
            keyword = self._in_any_case.get(keyword.lower(), keyword)
        return self.item(keyword)

    @cached_property
    def _in_any_case(self) -> dict[str, str]:
        return {name.lower(): name for name in reversed(self._values)}  # the first one counts

    def get(self, keyword: str, default: str = "") -> str:
        """Return a tag, or something else where it is not kept or empty."""
        try:
            return self.attribute(keyword) or default
        except TagNotFoundError:
            return default

    def _note(self, keyword: str) -> None:
        name = keyword[:_LONGEST_KEYWORD]
        value = self._values.get(keyword)
        self._accessed[name] = TagAccess(name, value is not None, bool(value))


class AnyTags(Tags):
    """Tags of which every one exists: to read an expression without a series."""

    def __contains__(self, keyword: object) -> bool:
        return True
