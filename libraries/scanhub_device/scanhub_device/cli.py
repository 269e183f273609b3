"""The program `scanhub-device`: run a scanner, check its link, look at its queue."""

import argparse
import asyncio
import importlib
import logging
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from scanhub_device._spool import Spool
from scanhub_device.checking import check_link
from scanhub_device.credentials import load_credentials
from scanhub_device.errors import DeviceError
from scanhub_device.running import run_device
from scanhub_device.scanner import Scanner
from scanhub_device.settings import ClientSettings
from scanhub_device.sync import SyncScanner

_logger = logging.getLogger("scanhub_device")
_DEFECT, _WRONG_ARGUMENTS = 1, 2
_EXIT_CODES = """\
exit codes:
  0  run: told to end by SIGINT or SIGTERM; check: the server takes the device
  1  the program of the scanner has a defect
  2  wrong arguments, or a file that they name cannot be used
  3  check: the server cannot be reached
  4  check: the credentials are not valid
  5  check: a certificate is not good
  6  check: there is no device-manager at this address
  128 + n  ended at once by a second signal n
"""


class _ArgumentsError(Exception):
    """The arguments do not go together, or name what cannot be used."""


def main(arguments: list[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    commands = {"run": _run, "check": _check, "queue": _queue}
    try:
        return commands[options.command](options)
    except (DeviceError, ValueError, _ArgumentsError) as error:
        _logger.error("%s", error)  # noqa: TRY400 - a sentence, not a trace
        return _WRONG_ARGUMENTS
    except Exception:
        _logger.exception("the program of the scanner has a defect")
        return _DEFECT


def load_scanner(name: str) -> Scanner | SyncScanner:
    """Return the scanner that `package.module:Name` stands for: an instance, or what makes one.

    Raises:
        _ArgumentsError: there is no such module or name, or it is no scanner.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise _ArgumentsError(f"{name!r}: write it as package.module:Scanner")
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as `python -m` does
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name.split(".")[0] and error.name != module_name:
            raise  # something that the module itself needs: its trace helps
        raise _ArgumentsError(f"there is no module {module_name!r} here") from None
    found = getattr(module, attribute, None)
    if found is None:
        raise _ArgumentsError(f"{module_name} has no {attribute!r}")
    scanner = found() if isinstance(found, type) or not hasattr(found, "scan") else found
    if not callable(getattr(scanner, "scan", None)) or not hasattr(scanner, "details"):
        raise _ArgumentsError(f"{name} is no scanner: it has to have `details` and `scan`")
    return scanner  # type: ignore[no-any-return] # looked at as far as can be


def _run(options: argparse.Namespace) -> int:
    settings = _settings(options)
    run_device(
        load_scanner(options.scanner),
        options.url,
        load_credentials(options.credentials),
        spool=options.spool,
        parameter_file=options.parameter_file,
        settings=settings,
    )
    return 0


def _check(options: argparse.Namespace) -> int:
    credentials, settings = load_credentials(options.credentials), _settings(options)
    if options.spool is not None:  # a program that runs would lose its link
        Spool(options.spool, 0).close()
    found, words = asyncio.run(check_link(options.url, credentials, settings=settings))
    _logger.log(logging.ERROR if found else logging.INFO, "%s", words)
    return int(found)


def _queue(options: argparse.Namespace) -> int:
    spool = Spool(options.spool, ClientSettings().spool_max_bytes)
    try:
        aside = spool.entries("aside")
        for entry in spool.entries("pending"):
            _show(f"pending  {entry.id}  {entry.header.filename}  {entry.header.size_bytes} bytes")
        for entry in aside:
            _show(f"aside    {entry.id}  {entry.header.filename}  {spool.problem(entry)}")
            if options.retry:
                spool.retry(entry)
    finally:
        spool.close()
    return 0


def _show(line: str) -> None:
    sys.stdout.write(line + "\n")


def _settings(options: argparse.Namespace) -> ClientSettings:
    """Return the settings of the link with the certificates that were named."""
    given = [options.ca, options.client_cert, options.client_key]
    if not _is_secure(options.url) and any(given):
        raise _ArgumentsError("certificates go with an address that begins with wss://")
    if bool(options.client_cert) != bool(options.client_key):
        raise _ArgumentsError("--client-cert and --client-key go together")
    return ClientSettings(
        ca_file=options.ca,
        client_certificate=options.client_cert,
        client_key=options.client_key,
    )


def _is_secure(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise _ArgumentsError(f"{url} is no address of a websocket: wss://host/api/v1/device/ws")
    if parts.scheme == "ws" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        _logger.warning("ws:// sends the token of this device in clear: use wss://")
    return parts.scheme == "wss"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scanhub-device",
        description="Connect a scanner to its server.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="keep a scanner connected until SIGINT or SIGTERM")
    run.add_argument("scanner", help="package.module:Scanner, an instance or what makes one")
    run.add_argument("--parameter-file", type=Path, help="where its parameters outlive the program")
    check = commands.add_parser(
        "check", help="connect once and say what is wrong; not while the scanner runs"
    )
    for command in (run, check):
        _add_link(command)
    queue = commands.add_parser("queue", help="list the files that wait; not while it runs")
    queue.add_argument("--spool", type=Path, required=True, help="folder of the queue")
    queue.add_argument("--retry", action="store_true", help="try again what was set aside")
    return parser


def _add_link(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--url", required=True, help="websocket of the server: wss://host/api/v1/device/ws")
    add("--credentials", required=True, type=Path, help="device_credentials.json")
    add("--spool", type=Path, help="folder of a queue on the disk, in which files outlive a crash")
    add("--ca", type=Path, help="certificate of who signed the server's, if the system has not")
    add("--client-cert", type=Path, help="certificate of this device, if the server asks for one")
    add("--client-key", type=Path, help="its private key")
