"""Print the part of requirements.lock that the services need at run time: no development tools.

Which package asked for which stands in the lock file itself, behind each "via". Needs the standard
library only: `python3 scripts/runtime_requirements.py < requirements.lock`. What nobody but the
simulated scanner needs is left out, and printed with `--simulator`.
"""

import re
import sys
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

MEMBERS = frozenset({
    "device-manager", "exam-manager", "scanhub", "scanhub-device", "scanhub-jobs",
    "scanhub-libraries", "workflow-manager",
})  # fmt: skip
_SIMULATOR = "scanhub-device"
_NAME = re.compile(r"^([A-Za-z0-9_.-]+)(\[.*\])?==")
_VIA = re.compile(r"^    # (?:via|  )\s*([A-Za-z0-9_.-]+)?(?:\[.*\])?(?: \((.*)\))?$")


def entries(lock: str) -> Iterator[tuple[str, set[str], str]]:
    """Yield each package: its name, who asks for it, and its lines."""
    for text in re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE):
        name = _NAME.match(text)
        if name is None:
            continue
        asked = (_VIA.match(line) for line in text.splitlines())
        by = {
            via[1] for via in asked if via and via[1] and "pyproject.toml:dev" not in (via[2] or "")
        }
        yield name[1], by, text


def needed(lock: str) -> list[str]:
    """Return the lines of each package that a service needs, itself or through another one."""
    return _needed_by(MEMBERS - {_SIMULATOR}, lock)


def needed_by_simulator(lock: str) -> list[str]:
    """Return the lines of each package that the simulated scanner needs beside them."""
    others = needed(lock)
    return [text for text in _needed_by(MEMBERS, lock) if text not in others]


def _needed_by(members: AbstractSet[str], lock: str) -> list[str]:
    known = list(entries(lock))  # a package may be there twice, for two versions of Python
    found: set[str] = set()
    while True:
        more = {name for name, by, _ in known if name not in found and by & (members | found)}
        if not more:
            return [text for name, _, text in known if name in found]
        found |= more


if __name__ == "__main__":
    chosen = needed_by_simulator if "--simulator" in sys.argv else needed
    sys.stdout.write("".join(chosen(sys.stdin.read())))
