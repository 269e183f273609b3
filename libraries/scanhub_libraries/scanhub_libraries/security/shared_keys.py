"""Keys that programs of others show: one secret for all of them, for routes that name it.

It goes as `Authorization: Token <key>`, as mercure's programs send theirs, or as
`Authorization: Bearer <key>`, as monitoring systems do.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr
from starlette.requests import HTTPConnection

from scanhub_libraries.errors import NotImplementedHereError, UnauthenticatedError
from scanhub_libraries.security.permissions import PERMISSIONS
from scanhub_libraries.security.principal import Principal, PrincipalKind


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A key of this installation, and where it is set."""

    key: SecretStr | None
    setting: str

    def require(self) -> SecretStr:
        """Return the key.

        Raises:
            NotImplementedHereError: None is set.
        """
        if self.key is None:
            raise NotImplementedHereError(f"This is off: set {self.setting} to switch it on.")
        return self.key

    def fits(self, shown: str) -> bool:
        """Say whether it is the key that was shown; how long that takes tells nothing."""
        if self.key is None:
            return False
        return secrets.compare_digest(shown.encode(), self.key.get_secret_value().encode())


SharedKeys = Mapping[str, SharedKey]


def principal_of_key(connection: HTTPConnection, route: str) -> Principal | None:
    """Return who shows a key, where the route takes one; None: look for a login.

    Raises:
        NotImplementedHereError: This installation has no such key.
        UnauthenticatedError: It is another one.
    """
    access = PERMISSIONS.get(route)
    keys: SharedKeys = connection.app.state.shared_keys
    if access is None or access.key is None or access.key not in keys:
        return None
    key = keys[access.key]
    scheme, _, shown = connection.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "token":
        key.require()
    if scheme.lower() in {"token", "bearer"} and key.fits(shown.strip()):
        return Principal(kind=PrincipalKind.KEY, subject=access.key)
    if scheme.lower() == "token":
        raise UnauthenticatedError(f"That is not the key of {key.setting}.")
    return None
