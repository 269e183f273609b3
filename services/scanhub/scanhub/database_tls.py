"""TLS to PostgreSQL, for every connection of a process and of those that it starts.

The drivers, asyncpg and libpq, read the same variables of the environment (PostgreSQL 18, 32.15):
the run engine, listeners and backups are no exceptions.
"""

import os

from scanhub.settings import InstallationSettings
from scanhub_libraries.errors import ConflictError

_MODE, _CA = "PGSSLMODE", "PGSSLROOTCERT"
_VERIFIED = "verify-full"


def use_database_ca(settings: InstallationSettings) -> None:
    """Talk to no PostgreSQL but one whose certificate the authority of the settings has signed.

    Raises:
        ConflictError: There is no such file, or the environment asks for less.
    """
    ca = settings.database_ca
    if ca is None:
        return
    if not ca.is_file():
        raise ConflictError(f"SCANHUB_DATABASE_CA: there is no file {ca}.")
    if os.environ.get(_MODE, _VERIFIED) != _VERIFIED:
        raise ConflictError(
            f"{_MODE} is {os.environ[_MODE]}, and SCANHUB_DATABASE_CA asks for {_VERIFIED}: remove "
            "one of them."
        )
    os.environ[_MODE], os.environ[_CA] = _VERIFIED, str(ca.absolute())
