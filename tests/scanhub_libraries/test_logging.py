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


def run(script=SCRIPT, *, as_json):
    script = script.format(json=as_json)
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


LEAKS = """
import logging
from datetime import date
from fastapi.exceptions import ResponseValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi as driver
from asyncpg.exceptions import DataError
from scanhub_libraries.models import User
from scanhub_libraries.logging import configure_logging, get_logger
configure_logging(json={json})
names = ["Phantom" + "^Ada", date(1985, 12, 10)]
def wrong_answer():
    errors = [dict(loc=("response", "last_name"), type="string_type", msg="wrong", input=names)]
    raise ResponseValidationError(errors=errors, body=names)
def wrong_record():
    try:
        User(username="ada", first_name=names, last_name="x", role="admin")
    except ValueError as error:
        raise RuntimeError("no record") from error
def wrong_row():
    original = driver(None).DataError(DataError(f"invalid input for $1: {{names}}"))
    raise DBAPIError("INSERT INTO patient VALUES ($1)", [names], original, hide_parameters=True)
def wrong_group():
    try:
        wrong_record()
    except RuntimeError as error:
        raise ExceptionGroup("several", [error.__cause__]) from None
for fail in (wrong_answer, wrong_record, wrong_row, wrong_group):
    try:
        fail()
    except Exception as error:
        get_logger("test").error("unexpected error", exc_info=error)
        logging.getLogger("uvicorn.error").error("Exception in application", exc_info=error)
"""


@pytest.mark.parametrize("as_json", [True, False])
def test_an_error_is_told_without_the_values_that_it_is_about(as_json):
    output = run(LEAKS, as_json=as_json)
    assert "Phantom^Ada" not in output
    assert "1985" not in output
    told = ("response.last_name: string_type", "first_name: string_type", "no record")
    for words in (*told, "INSERT INTO patient", "wrong_group", "several"):
        assert output.count(words) >= 2, words


def test_what_others_log_cannot_pass_for_another_line():
    script = """
import logging
from scanhub_libraries.logging import configure_logging, get_logger
configure_logging(json={json})
bad = "x\\r\\n2026-11-21T00:00:00Z [info] ada logged in\\x1b[2J"
logging.getLogger("uvicorn.error").error(bad)
get_logger("test").error("seen", path=bad)
try:
    raise ValueError(bad)
except ValueError:
    get_logger("test").exception("failed")
"""
    lines = run(script, as_json=False).splitlines()
    assert sum("ada logged in" in line for line in lines) == 3
    assert not any(line.startswith("2026-11-21T00:00:00Z") for line in lines)
    assert not any("\x1b" in line or "\r" in line for line in lines)
