"""Text files end with exactly one newline, have no blanks at line ends, and no conflict marks."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

CONFLICT = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
# Markdown's hard line break is two blanks at the end; we break lines otherwise, so it is a slip.
BLANKS = re.compile(r"[ \t]+$", re.MULTILINE)


def slips(name: str, text: str) -> Iterator[str]:
    """Yield a sentence for each slip in one file."""
    if not text:
        return
    if not text.endswith("\n"):
        yield f"{name}: no newline at the end"
    elif text.endswith("\n\n"):
        yield f"{name}: more than one newline at the end"
    for pattern, meaning in ((BLANKS, "blanks at the end of the line"), (CONFLICT, "conflict")):
        for match in pattern.finditer(text):
            yield f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {meaning}"


def main(names: list[str]) -> int:
    """Print each slip; the exit code says whether there was one."""
    found = [slip for name in names for slip in slips(name, Path(name).read_text("utf-8"))]
    for slip in found:
        print(slip, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
