"""The only file that imports pypulseq. Run as a program it reads a file from standard input.

`python -m exam_manager.sequences.pulseq <CPU seconds>` writes one JSON document: the facts, or an
error with its line.
"""

import json
import os
import resource
import sys
import tempfile
import warnings
from math import isfinite
from pathlib import Path
from typing import Any

from exam_manager.sequences.pulseq_text import PulseqTextError, check_text
from scanhub_libraries.models import SequenceFacts

_MEMORY_BYTES = 6 * 2**30


def read_facts(data: bytes) -> SequenceFacts:
    """Return what a Pulseq file says of itself.

    Raises:
        PulseqTextError: The file cannot be read; with the line where known, else 0.
    """
    # Importing pypulseq takes seconds; only this process needs it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pypulseq  # noqa: PLC0415
        from pypulseq.supported_labels_rf_use import get_supported_labels  # noqa: PLC0415

        check_text(_decode(data), get_supported_labels())
        sequence = pypulseq.Sequence()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sequence.seq"
            path.write_bytes(data)
            try:
                sequence.read(str(path), remove_duplicates=False)
            except Exception as error:
                raise PulseqTextError(0, f"pypulseq cannot read the file: {error}") from error
    blocks = sequence.block_events.values()
    return SequenceFacts(
        pulseq_version=_version(data),
        duration_s=float(sum(sequence.block_durations.values())),
        num_blocks=len(blocks),
        num_readouts=sum(1 for events in blocks if events[5]),
        definitions={str(key): _plain(value) for key, value in sequence.definitions.items()},
    )


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PulseqTextError(line, "not UTF-8 text") from error


def _version(data: bytes) -> str:
    words = data.decode().split("[VERSION]", 1)[1].split()[:6]
    given = dict(zip(words[::2], words[1::2], strict=True))
    return ".".join(given[key] for key in ("major", "minor", "revision"))


def _plain(value: Any) -> Any:
    """Return a definition as JSON has it: a number, a list of numbers, or text."""
    plain = value.tolist() if hasattr(value, "tolist") else value
    numbers = plain if isinstance(plain, list) else [plain]
    finite = all(isfinite(number) for number in numbers if isinstance(number, float))
    return plain if finite else str(plain)


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
        answer = {"line": error.line, "error": error.message}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
