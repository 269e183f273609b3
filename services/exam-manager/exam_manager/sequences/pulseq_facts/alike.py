"""Finds what is alike, so that it is worked out once."""

import numpy as np
from numpy.typing import NDArray

from exam_manager.sequences.pulseq_file.sections import Floats, Ints

_LARGEST_CODE = 2**62


def alike(*columns: Ints | Floats) -> tuple[Ints, Ints]:
    """Group rows that are equal in all columns.

    Returns:
        One row of each group, the first, and the group of each row.
    """
    code, sizes = np.zeros(columns[0].size, dtype=np.int64), 1
    for column in columns:
        number, size = _numbered(column)
        if sizes * size > _LARGEST_CODE:
            code = np.unique(code, return_inverse=True)[1]
            sizes = code.size
        code, sizes = code * size + number, sizes * size
    _codes, first, group = np.unique(code, return_index=True, return_inverse=True)
    return first, group


def _numbered(column: NDArray[np.int64] | Floats) -> tuple[Ints, int]:
    """Return a number from 0 for each value, and how many numbers there are."""
    if not column.size:
        return column.astype(np.int64), 1
    if column.dtype.kind == "i":
        lowest, highest = int(column.min()), int(column.max())
        if highest - lowest <= column.size:
            return (column - lowest).astype(np.int64), highest - lowest + 1
    values, number = np.unique(column, return_inverse=True)
    return number, values.size
