"""Looks at folders, keys, disks and certificates. Nothing is made or changed."""

import os
import shutil
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet

from scanhub.backup.place import Place, read_manifest
from scanhub.doctor.finding import Finding, failed, ok, warning
from scanhub.settings import RESTORING, SERVICES, SHORTEST_SECRET, InstallationSettings
from scanhub_libraries.errors import ScanHubError
from scanhub_libraries.security.certificates import read_pem
from scanhub_libraries.security.secret_files import lines_of
from scanhub_libraries.security.tokens import keys_of
from workflow_manager.settings import WorkflowManagerSettings

_OTHERS: Final = 0o077
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_SOON: Final = timedelta(days=30)
_OLD: Final = timedelta(hours=48)
_FULL, _GIB = 0.9, 1 << 30


def look_at_folder(settings: InstallationSettings) -> Iterator[Finding]:
    """Look at the data folder."""
    folder, name = settings.data_dir, "data folder"
    if not folder.is_dir():
        yield failed(name, f"{folder} is not there", "start the server once, or see --data-dir")
        return
    if (folder / RESTORING).exists():
        yield failed(
            name,
            f"{folder} was not restored to the end",
            "remove it, and restore once more",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        owner = folder.stat().st_uid
        yield failed(
            name,
            f"{folder} belongs to user {owner} and cannot be written by user {os.getuid()}",
            "call the doctor as the user of the server, or give the folder to that user (chown -R)",
        )
    elif folder.stat().st_mode & _OTHERS:
        yield warning(
            name, f"{folder} can be looked into by others", f"close it: chmod 700 {folder}"
        )
    else:
        yield ok(name, f"{folder} is closed to others and can be written")


def look_at_keys(settings: InstallationSettings) -> Iterator[Finding]:
    """Look at each key: whether it is there, can be used, and is closed to others."""
    folder = settings.keys_dir
    paths = [folder / "signing.pem", folder / "device-tokens.key", folder / "target-secrets.key"]
    paths += [folder / "services" / f"{service}.secret" for service in SERVICES]
    for path in paths:
        yield _key(path, f"key {path.relative_to(folder)}")


def _key(path: Path, name: str) -> Finding:
    try:
        text = path.read_text(encoding="ascii")
        mode = path.stat().st_mode
    except FileNotFoundError:
        return warning(
            name,
            "it is not there yet",
            "the server makes it at its first start; if it was there, restore it from a backup",
        )
    except (OSError, UnicodeDecodeError) as error:
        return failed(name, f"it cannot be read: {error}", "restore it from a backup")
    if wrong := _wrong_key(path, text):
        return failed(name, wrong, "restore it from a backup")
    if mode & _OTHERS:
        return warning(name, "it can be read by others", f"close it: chmod 600 {path}")
    return ok(name, "it can be used, and is closed to others")


def _wrong_key(path: Path, text: str) -> str:
    try:
        if path.name == "signing.pem":
            keys_of(text)
        elif path.name == "target-secrets.key":
            _ = [Fernet(line) for line in text.split()]
        elif any(len(line) < SHORTEST_SECRET for line in lines_of(text)) or not text.strip():
            return f"it has less than {SHORTEST_SECRET} characters"
    except ValueError as error:
        return f"it is no such key: {error}"
    return ""


def look_at_disks(
    settings: InstallationSettings, workflow: WorkflowManagerSettings
) -> Iterator[Finding]:
    """Look at the room for files, databases and backups."""
    places = {"files": settings.lake_root, "databases": settings.data_dir / "databases"}
    if settings.backup_dir is not None:
        places["backups"] = settings.backup_dir
    for what, folder in places.items():
        yield _disk(f"disk of {what}", folder, workflow.dicom_min_free_bytes)


def _disk(name: str, folder: Path, least: int) -> Finding:
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    usage, status = shutil.disk_usage(there), os.statvfs(there)
    seen = f"{usage.free / _GIB:.1f} of {usage.total / _GIB:.1f} GiB are free"
    if status.f_files and status.f_favail < status.f_files // 100:
        return failed(name, f"{status.f_favail} more files fit", "remove small files (inodes)")
    if usage.free < least:
        return failed(
            name,
            f"{seen}; images are refused below {least / _GIB:.1f} GiB",
            "free room, or let the cleaner (docs/cleaner.md)",
        )
    if usage.free < 2 * least or usage.free < (1 - _FULL) * usage.total:
        return warning(name, seen, "free room, or let the cleaner (docs/cleaner.md)")
    return ok(name, seen)


def look_at_certificates(
    settings: InstallationSettings, workflow: WorkflowManagerSettings, now: datetime
) -> Iterator[Finding]:
    """Look at certificates of the settings: whether they fit their keys, and until when."""
    given: dict[str, tuple[Path | None, Path | None]] = {
        "certificate of the server": (settings.ssl_certfile, settings.ssl_keyfile),
        "certificate of the DICOM listener": (
            workflow.dicom_tls_certificate,
            workflow.dicom_tls_key,
        ),
    }
    for name, (certificate, key) in given.items():
        if certificate is not None:
            yield _certificate(name, certificate, key, now)
    authorities = {
        "CA of devices": settings.ssl_ca_certs,
        "CA of DICOM senders": workflow.dicom_tls_client_ca,
        "CA of the databases": settings.database_ca,
    }
    for name, path in authorities.items():
        if path is not None:
            yield _expiry(name, path, now)


def _certificate(name: str, path: Path, key: Path | None, now: datetime) -> Finding:
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path, key, password=lambda: "")
    except (OSError, ValueError) as error:
        return failed(
            name, f"{path} and its key cannot be used: {error}", "put the right ones there"
        )
    return _expiry(name, path, now)


def _expiry(name: str, path: Path, now: datetime) -> Finding:
    try:
        text = path.read_text(encoding="ascii", errors="replace")
        found = read_pem(_BEGIN + text.partition(_BEGIN)[2].partition(_END)[0] + _END)
    except (OSError, ValueError) as error:
        return failed(name, f"{path}: {error}", "put a certificate there, PEM")
    until = f"{path} is good until {found.not_after:%Y-%m-%d}"
    renew = "renew it, then restart the server (docs/operations.md#a-certificate-expires)"
    if found.not_after <= now:
        return failed(name, f"{path} has expired on {found.not_after:%Y-%m-%d}", renew)
    if found.not_before > now:
        return failed(name, f"{path} is good from {found.not_before:%Y-%m-%d} on", "see the clock")
    if found.not_after - now < _SOON:
        return warning(name, until, renew)
    return ok(name, until)


def look_at_backups(settings: InstallationSettings, now: datetime) -> Finding:
    """Look at the age of the newest backup; its content is for `scanhub backup --verify`."""
    name = "backup"
    if settings.backup_dir is None:
        return warning(name, "no folder is set", "set SCANHUB_BACKUP_DIR (docs/backup.md)")
    place = Place(settings.backup_dir)
    if not place.names():
        return failed(name, f"{place.root} has none", "call `scanhub backup`, and do so each night")
    try:
        manifest = read_manifest(place.folder("latest"))
    except ScanHubError as error:
        return failed(name, error.detail, "call `scanhub backup`")
    seen = f"the newest is of {manifest.taken_at:%Y-%m-%d %H:%M} UTC"
    if now - manifest.taken_at > _OLD:
        return warning(name, seen, "see why there is no newer one (docs/backup.md)")
    return ok(name, seen)
