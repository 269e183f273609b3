"""What senders over SSH share: the login, the key of the host, and errors in words."""

import asyncio

import asyncssh

from scanhub_libraries.models import TargetStep
from scanhub_libraries.models.target import RsyncTarget, SftpTarget
from workflow_manager.senders.reach import reach, why_not_connected


class HostKeyError(Exception):
    """The host cannot be told from another one that says it is the host."""


def known_hosts_of(target: SftpTarget | RsyncTarget) -> list[asyncssh.SSHKey]:
    """Return the keys that the host may show.

    Raises:
        HostKeyError: None is configured, or one cannot be read.
    """
    keys = []
    for line in target.host_key.splitlines():
        if line.strip():
            try:
                keys.append(asyncssh.import_public_key(line.strip()))
            except asyncssh.KeyImportError as error:
                raise HostKeyError(f"A line of host_key is no public key: {error}") from None
    if not keys:
        raise HostKeyError(
            "host_key is empty: the connection test shows the key of the host; compare it with "
            "what its administrator says, then put it there."
        )
    return keys


async def connect(
    target: SftpTarget | RsyncTarget, timeout_s: float
) -> asyncssh.SSHClientConnection:
    """Log in.

    Raises:
        HostKeyError: The host is not the one that is expected, or none is.
        OSError: It cannot be reached.
        asyncssh.Error: It does not let us in.
    """
    keys = known_hosts_of(target)
    secret = target.private_key
    private = None
    if secret is not None:
        private = [asyncssh.import_private_key(secret.get_secret_value().strip() + "\n")]
    async with asyncio.timeout(timeout_s):
        return await asyncssh.connect(
            target.host,
            target.port,
            username=target.user,
            password=target.password.get_secret_value() if target.password else None,
            client_keys=private,
            known_hosts=(keys, [], []),
            agent_path=None,
            config=None,
            connect_timeout=timeout_s,
        )


def why(error: BaseException, target: SftpTarget | RsyncTarget) -> str:
    """Tell what is wrong, for a person; never with a secret."""
    if isinstance(error, HostKeyError):
        return str(error)
    if isinstance(error, OSError):
        return why_not_connected(error, target.host, target.port)
    texts: list[tuple[type[BaseException], str]] = [
        (
            asyncssh.HostKeyNotVerifiable,
            "The host shows another key than host_key: it was set up anew, or it is not the host. "
            "Ask its administrator before you change host_key.",
        ),
        (
            asyncssh.PermissionDenied,
            f"The host refuses the login of {target.user!r}: password or key is wrong.",
        ),
        (
            asyncssh.KeyImportError,
            "private_key cannot be read: it must be an OpenSSH key without passphrase.",
        ),
        (asyncssh.SFTPError, f"The host refuses {target.folder}: {_reason(error)}."),
    ]
    known = (text for kind, text in texts if isinstance(error, kind))
    return next(known, f"SSH failed: {_reason(error)}.")


def _reason(error: BaseException) -> str:
    return error.reason if isinstance(error, asyncssh.Error) else type(error).__name__


async def login_steps(
    target: SftpTarget | RsyncTarget, timeout_s: float
) -> tuple[list[TargetStep], asyncssh.SSHClientConnection | None]:
    """Try name, connection, host key and login; return the connection if all went well."""
    steps = await reach(target.host, target.port, timeout_s)
    if not steps[-1].ok:
        return steps, None
    try:
        known_hosts_of(target)
    except HostKeyError as error:
        shown = await _shown_key(target, timeout_s)
        return [*steps, TargetStep(name="host key", ok=False, detail=f"{error}{shown}")], None
    try:
        connection = await connect(target, timeout_s)
    except (OSError, asyncssh.Error, asyncssh.KeyImportError, TimeoutError) as error:
        other_key = isinstance(error, asyncssh.HostKeyNotVerifiable)
        name = "host key" if other_key else "login"
        return [*steps, TargetStep(name=name, ok=False, detail=why(error, target))], None
    steps.append(TargetStep(name="host key", ok=True, detail="It is the one that is expected."))
    steps.append(TargetStep(name="login", ok=True, detail=f"{target.user!r} may log in."))
    return steps, connection


async def _shown_key(target: SftpTarget | RsyncTarget, timeout_s: float) -> str:
    try:
        async with asyncio.timeout(timeout_s):
            key = await asyncssh.get_server_host_key(target.host, target.port)
    except (OSError, asyncssh.Error, TimeoutError):
        return ""
    if key is None:
        return ""
    text = key.export_public_key().decode().strip()
    return f" It shows {key.get_fingerprint()}: {text}"
