"""How much is tried: more of it in CI, less where somebody waits."""

import os

import pytest

IN_CI = os.environ.get("CI") == "true"

POSTGRESQL_IN_CI = pytest.mark.parametrize(
    "copied_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True
)
"""For tests on both databases of which one is enough where somebody waits."""


def tries(*, in_ci: int, here: int) -> int:
    """Return how many examples of what is made up a test tries."""
    return in_ci if IN_CI else here
