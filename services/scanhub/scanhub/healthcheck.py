"""Whether the process of a container is well: `python -m scanhub.healthcheck WHAT`.

WHAT is the address of a readiness route, or the file that a process without an API touches
(`SCANHUB_ALIVE_FILE`). It ends with 0 when all is well, else with 1 and a reason. Nothing but the
standard library is imported: it runs every few seconds.
"""

import ssl
import sys
import time
import urllib.request
from pathlib import Path

OLDEST_S = 20.0
"""A file that was not touched for longer is no sign of life [s]."""
_PATIENCE_S = 4.0


def problem_of(what: str) -> str | None:
    """Return what is wrong; None: nothing."""
    if what.startswith(("http://", "https://")):
        return _of_route(what)
    try:
        age = time.time() - Path(what).stat().st_mtime
    except OSError as error:
        return f"{what}: {error.strerror}"
    return f"{what} was not touched for {age:.0f} s" if age > OLDEST_S else None


def _of_route(url: str) -> str | None:
    # Whose certificate it is does not matter here: it may be of another name than this.
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    try:
        urllib.request.urlopen(url, timeout=_PATIENCE_S, context=tls).close()  # noqa: S310 - http, looked at above
    except (OSError, ValueError) as error:
        return f"{url}: {error}"
    return None


def main(arguments: list[str]) -> int:
    """Tell what is wrong."""
    problem = problem_of(*arguments) if len(arguments) == 1 else __doc__
    if problem is not None:
        sys.stderr.write(f"{problem}\n")
    return 0 if problem is None else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
