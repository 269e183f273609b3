"""What differs between two versions of a document of the configuration. Pure."""

from collections.abc import Mapping
from typing import Any

from scanhub_libraries.models import ParameterChange


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[ParameterChange]:
    """Return each member that differs, with both values, in the order of the older one."""
    names = [*before, *(name for name in after if name not in before)]
    return [
        ParameterChange(field=name, before=before.get(name), after=after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]
