"""Run as a program it reads a Pulseq file from standard input.

`python -m exam_manager.sequences.pulseq <CPU seconds>` writes one JSON document: the facts, or an
error with its line.
"""

import json
import os
import resource
import sys
from typing import Any

from exam_manager.sequences.pulseq_facts.facts import analyse
from exam_manager.sequences.pulseq_file import PulseqTextError, read_pulseq
from scanhub_libraries.models import SequenceFacts

_MEMORY_BYTES = 4 * 2**30


def read_facts(data: bytes) -> SequenceFacts:
    """Return what a Pulseq file says of itself.

    Raises:
        PulseqTextError: The file cannot be read; with the line where known, else 0.
    """
    return analyse(read_pulseq(data))


def main() -> None:
    """Read standard input, write the answer."""
    seconds = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    os.nice(10)  # a scan that runs on this machine goes first
    answer: dict[str, Any]
    try:
        answer = {"facts": read_facts(sys.stdin.buffer.read()).model_dump(mode="json")}
    except PulseqTextError as error:
        answer = {
            "line": error.line,
            "section": error.section,
            "error": error.message,
            "remedy": error.remedy,
        }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
