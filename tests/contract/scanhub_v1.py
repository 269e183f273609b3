"""Drives the whole of ScanHub's wire contract, version 1, against a running platform.

    .venv/bin/python -m tests.contract.scanhub_v1 http://127.0.0.1:8000 --username admin \
        --password ...

On an empty installation the user is created as its first one; otherwise it is an admin of it. Every
row is printed with PASS or FAIL; the exit code is 1 when one failed, 2 when nothing could be
checked. It leaves patients and users behind: use a test system.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable

import httpx

from .driver import API, UNKNOWN, Caller, Report, run_section
from .files import results, scanned, sequences
from .people import Credentials, first_user, last_admin, log_in, logins, passwords, patients, users
from .record import exams, tasks, workflows
from .scanners import devices, links, starts

PREFIXES = ("exam", "patient", "userlogin", "device", "workflowmanager")


async def the_service(nobody: Caller) -> None:
    """What every service has, and what nobody gets without a token."""
    for prefix in PREFIXES:
        await nobody.row(
            f"{prefix} says that it is ready",
            f"GET /{prefix}/health/readiness",
            200,
            holds=lambda answer: answer.json()["status"] == "ok",
        )
        await nobody.row(f"{prefix} has its OpenAPI document", f"GET /{prefix}/openapi.json", 200)
        await nobody.row(f"{prefix} has its page of documentation", f"GET /{prefix}/docs", 200)
    for path in (
        f"/exam/{UNKNOWN}",
        "/exam/templates/all",
        f"/exam/task/{UNKNOWN}",
        f"/exam/workflow/{UNKNOWN}",
        f"/exam/result/{UNKNOWN}",
        "/exam/sequences/all",
        f"/exam/dcm/{UNKNOWN}/{UNKNOWN}/{UNKNOWN}/a.dcm",
        f"/exam/mrd/{UNKNOWN}/{UNKNOWN}/{UNKNOWN}/meta",
        "/patient/",
        "/userlogin/getallusers",
        "/device/",
        "/workflowmanager/tasks/",
    ):
        await nobody.row(f"{path} needs a token", f"GET {path}", 401)
        wrong = nobody.as_("x.y.z")
        await wrong.row(f"{path} needs a token that is valid", f"GET {path}", 401)


async def run(
    url: str, who: Credentials, tell: Callable[[str], None] = lambda _line: None
) -> Report:
    """Check everything; return what was found."""
    report = Report(tell)
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        nobody = Caller(http, report)
        await run_section(nobody, "first user", lambda caller: first_user(caller, who))
        await run_section(nobody, "service", the_service)
        await run_section(nobody, "logins", lambda caller: logins(caller, who))
        token = await log_in(nobody, who.username, who.password)
        admin = nobody.as_(token)
        await run_section(admin, "users", users)
        await run_section(admin, "last admin", lambda caller: last_admin(caller, who))
        await run_section(admin, "passwords", lambda caller: passwords(caller, who))
        for name, section in (
            ("patients", patients),
            ("exams", exams),
            ("workflows", workflows),
            ("tasks", tasks),
            ("sequences", sequences),
            ("results", results),
            ("devices", devices),
            ("links", links),
            ("starts", starts),
            ("a scan", scanned),
        ):
            await run_section(admin, name, section)
    return report


async def why_not(url: str, who: Credentials) -> str | None:
    """Return why nothing can be checked, in words; None: it can."""
    login = {"username": who.username, "password": who.password}
    try:
        async with httpx.AsyncClient(base_url=url, timeout=60) as http:
            empty = await http.get(f"{API}/userlogin/checknousers")
            if empty.json() is True:
                return None  # the user is made by the first section
            answer = await http.post(f"{API}/userlogin/login", data=login)
            user = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return f"No platform answers at {url} ({error}). Start one with `make serve`."
    if answer.is_error:
        return f"{who.username} cannot log in at {url}: {user.get('detail', user)}"
    if user["role"] != "admin":
        return f"{who.username} is {user['role']}; the contract is checked by an admin."
    return None


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=f"Checks ScanHub's wire contract below {API}.")
    parser.add_argument("url", help="for example http://127.0.0.1:8000")
    parser.add_argument("--username", required=True, help="an admin; made if there is no user yet")
    parser.add_argument("--password", required=True, help="of that user, 12 characters or more")
    arguments = parser.parse_args()

    def tell(line: str) -> None:
        sys.stdout.write(f"{line}\n")

    who = Credentials(arguments.username, arguments.password)
    if reason := asyncio.run(why_not(arguments.url, who)):
        sys.stderr.write(f"{reason}\n")
        return 2
    report = asyncio.run(run(arguments.url, who, tell=tell))
    tell(f"{len(report.rows) - len(report.failures)} of {len(report.rows)} rows hold")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
