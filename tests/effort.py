"""How much is tried: more of it in CI, less where somebody waits."""

import os
import re
from collections.abc import Collection
from zlib import crc32

import pytest

IN_CI = os.environ.get("CI") == "true"

POSTGRESQL_IN_CI = pytest.mark.parametrize(
    "copied_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True
)
"""For tests on both databases of which one is enough where somebody waits."""


def tries(*, in_ci: int, here: int) -> int:
    """Return how many examples of what is made up a test tries."""
    return in_ci if IN_CI else here


def one_of_two_databases(names: Collection[str]) -> set[str]:
    """Return which tests to leave out, so that each runs on one database: by its name, always."""
    left_out = set()
    for name in names:
        function, _, parameters = name.partition("[")
        on_the_other = (
            f"{function}[{re.sub(r'(?<![a-z])sqlite(?![a-z])', 'postgresql', parameters)}"
        )
        if on_the_other != name and on_the_other in names:
            left_out.add(name if crc32(function.encode()) % 2 else on_the_other)
    return left_out
