"""New keys, without logging anybody out: what the old ones signed or sealed is good for a while.

Two steps, with a restart of all servers and workers between: they read keys when they start.
"""

import base64
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from pydantic import SecretStr

from scanhub.keys_lock import keys_held
from scanhub.settings import InstallationSettings
from scanhub_libraries.database import create_engine, create_sessions, transaction
from scanhub_libraries.errors import ConflictError
from scanhub_libraries.lake_unfinished import sync_directory
from scanhub_libraries.security.secret_files import lines_of
from scanhub_libraries.security.tokens import (
    FORMER_KEYS,
    FORMER_LIFETIME,
    generate_keys,
    load_or_create_keys,
)
from workflow_manager.modules.models import Module
from workflow_manager.targets.models import Target
from workflow_manager.targets.secret_box import SecretBox

Say = Callable[[str], None]
_OWN, _SHARED = 0o600, 0o444


def begin_rotation(
    settings: InstallationSettings, *, at_once: bool, say: Say, shared: bool = False
) -> None:
    """Make new keys beside the old ones.

    Args:
        settings: The installation.
        at_once: Believe nothing that the old signing key signed: everybody logs in anew.
        say: Told what was done.
        shared: Others may read the files: each container is given those that it needs.

    Raises:
        ConflictError: There are no keys, or the last rotation was not finished.
    """
    folder = settings.keys_dir
    if not (folder / "signing.pem").exists():
        raise ConflictError(f"{folder} has no keys: start the server once, or see --data-dir.")
    with keys_held(folder, to_change=True):
        sealing = settings.target_secrets_key().split()
        if len(sealing) > 1:
            raise ConflictError(
                "The last rotation is not finished: restart all servers and workers, then call "
                "`scanhub rotate-keys --finish`."
            )
        mode = _SHARED if shared else _OWN
        _rotate_signing(folder, mode, at_once=at_once)
        hashing = lines_of(settings.device_token_key())
        _write(folder / "device-tokens.key", [secrets.token_hex(32), *hashing], mode)
        _write(folder / "target-secrets.key", [Fernet.generate_key().decode(), *sealing], mode)
    say("There are new keys for tokens of users and services, of devices, and for secrets.")
    say(
        "Restart all servers and workers (these need copies of the keys), then call "
        "`scanhub rotate-keys --finish`."
    )


def _rotate_signing(folder: Path, mode: int, *, at_once: bool) -> None:
    old = load_or_create_keys(folder)
    path = folder / FORMER_KEYS
    oldest = time.time() - FORMER_LIFETIME.total_seconds()
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    kept = [line for line in lines if float(line.partition(" ")[0]) > oldest]
    former = [] if at_once else [*kept, f"{time.time():.0f} {_der_of(old.public_pem)}"]
    _write(path, former, mode)
    new = generate_keys()
    _write(folder / "signing.pem", [new.private_pem.strip()], mode)
    _write(folder / "signing.pub.pem", [new.public_pem.strip()], mode)


def _der_of(public_pem: str) -> str:
    key = serialization.load_pem_public_key(public_pem.encode())
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def _write(path: Path, lines: list[str], mode: int) -> None:
    """Replace a file of keys, whole, open to its owner only or readable by others too."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    part.replace(path)
    sync_directory(path.parent)


async def finish_rotation(
    settings: InstallationSettings, *, say: Say, shared: bool = False
) -> None:
    """Seal the secrets of targets and modules with the new key, and drop the old one.

    Args:
        settings: The installation.
        say: Told what was done.
        shared: As when it began.

    Raises:
        ConflictError: There is nothing to finish.
        UnavailableError: A secret was sealed with a key that is not there.
    """
    with keys_held(settings.keys_dir, to_change=True):
        keys = settings.target_secrets_key()
        newest, *former = keys.split()
        if not former:
            raise ConflictError("There is nothing to finish: call `scanhub rotate-keys` first.")
        sealed = await _seal_anew(settings, SecretBox(SecretStr(keys)))
        mode = _SHARED if shared else _OWN
        _write(settings.keys_dir / "target-secrets.key", [newest], mode)
    say(f"{sealed} secrets of targets and modules have the new key; the old one is gone.")
    say("A device has the new key from its next connection on; the old one is kept for others.")


async def _seal_anew(settings: InstallationSettings, box: SecretBox) -> int:
    engine = create_engine(settings.database_url("workflow-manager"))
    count = 0
    try:
        async with transaction(create_sessions(engine)) as session:
            for table in (Target, Module):
                rows: list[Any] = list(await session.scalars(sa.select(table).with_for_update()))
                for row in rows:
                    row.sealed = {
                        name: box.seal(box.open(text).get_secret_value())
                        for name, text in row.sealed.items()
                    }
                    count += len(row.sealed)
    finally:
        await engine.dispose()
    return count
