import json
import subprocess
import sys

import pytest

SCRIPT = """
import sys, warnings
from scanhub_libraries.logging import bound_contextvars, configure_logging, get_logger
configure_logging(json={json})
with bound_contextvars(correlation_id="c-1"):
    get_logger("test").warning("device lost", device_id="d-1")
warnings.warn("noise", ResourceWarning)
def fail(patient_name):
    raise ValueError("no such thing")
try:
    fail("Phantom^Ada")
except ValueError:
    get_logger("test").exception("it failed")
"""


def run(*, as_json):
    script = SCRIPT.format(json=as_json)
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_shows_no_values_of_variables(as_json):
    output = run(as_json=as_json)
    assert "no such thing" in output
    assert "Phantom^Ada" not in output.replace('fail("Phantom^Ada")', "")
    assert "noise" not in output


def test_a_line_of_json_carries_level_logger_time_and_context():
    first = json.loads(run(as_json=True).splitlines()[0])
    assert first["event"] == "device lost"
    assert first["level"] == "warning"
    assert first["logger"] == "test"
    assert first["device_id"] == "d-1"
    assert first["correlation_id"] == "c-1"
    assert first["timestamp"].endswith("Z")
