"""Who may do what, written down a second time: a change of the table is seen and meant.

A admin, M medical, S scientist, E engineer; s another service; t the task's device, j its run, x a
job of the SDK about itself; k who has the shared key; p also before a demanded change of password.
"""

import pytest
from permission_rows import MATRIX

from scanhub_libraries.security.access import Access
from scanhub_libraries.security.permissions import PERMISSIONS

LETTERS = "AMSEstjkpx"
WRITTEN = {
    f"{method} /api/v1/{path}": letters
    for letters, rows in MATRIX.items()
    for method, path in (row.split() for row in rows.strip().splitlines())
}


def letters_of(access: Access) -> str:
    roles = {role.value[0].upper() for role in access.roles}
    others = {"s": access.services, "t": access.tasks, "j": access.jobs, "x": access.steps}
    others |= {"k": access.key is not None, "p": access.before_password_change}
    return "".join(letter for letter in LETTERS if letter in roles or others.get(letter, False))


@pytest.mark.parametrize("row", sorted(WRITTEN))
def test_a_row_says_what_is_written_here(row):
    assert letters_of(PERMISSIONS[row]) == WRITTEN[row]


def test_every_row_is_written_here():
    assert {row for row, access in PERMISSIONS.items() if not access.public} == set(WRITTEN)
