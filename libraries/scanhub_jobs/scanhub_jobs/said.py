"""The JSON lines that a job says on its standard output to whoever started it."""

import json
import sys
from typing import Any


def say(**line: Any) -> None:
    """Write one line and see to it that it is heard now."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
