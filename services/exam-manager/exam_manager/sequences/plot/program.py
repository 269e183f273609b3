"""Run as a program it makes the file that plots of a sequence are answered from.

`python -m exam_manager.sequences.plot.program <CPU seconds>` reads a Pulseq file from standard
input and writes the file to standard output. What cannot be plotted is a file that says why: it
would be no better at the next try.
"""

import os
import resource
import sys
from typing import Any

from exam_manager.sequences.plot.array_file import Array, pack
from exam_manager.sequences.plot.build import plot_tables
from exam_manager.sequences.plot.tables import TooManyVerticesError
from exam_manager.sequences.pulseq_file import PulseqTextError, read_pulseq

_MEMORY_BYTES = 4 * 2**30


def tables_of(data: bytes) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the tables of a Pulseq file, or none and the reason."""
    try:
        return plot_tables(read_pulseq(data))
    except (PulseqTextError, TooManyVerticesError) as error:
        return {}, {"error": str(error)}


def main() -> None:
    """Read standard input, write standard output."""
    seconds = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    os.nice(10)  # a scan that runs on this machine goes first
    for piece in pack(*tables_of(sys.stdin.buffer.read())):
        sys.stdout.buffer.write(piece)


if __name__ == "__main__":
    main()
