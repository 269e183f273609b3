"""Secrets at rest: encrypted with the key of the installation (Fernet: AES-128-CBC, HMAC-SHA256).

A key file may hold several keys, one a line: the first encrypts, all decrypt. So a key is changed
by putting a new one on top.
"""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from scanhub_libraries.errors import UnavailableError


class SecretBox:
    """Encrypts and decrypts the secrets of targets.

    Args:
        keys: Fernet keys, one a line; None: there is none, and no secret can be kept.
    """

    def __init__(self, keys: SecretStr | None) -> None:
        lines = keys.get_secret_value().split() if keys is not None else []
        self._fernet = MultiFernet([Fernet(line) for line in lines]) if lines else None

    def seal(self, secret: str) -> str:
        """Encrypt a secret.

        Raises:
            UnavailableError: The installation has no key.
        """
        return self._box().encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> SecretStr:
        """Decrypt a secret.

        Raises:
            UnavailableError: The installation has no key, or another one than it had.
        """
        try:
            return SecretStr(self._box().decrypt(sealed.encode()).decode())
        except InvalidToken:
            raise UnavailableError(
                "A secret of the target was encrypted with another key: put the former key back "
                "into keys/target-secrets.key, or set the secret again."
            ) from None

    def _box(self) -> MultiFernet:
        if self._fernet is None:
            raise UnavailableError("There is no key to encrypt secrets of targets with.")
        return self._fernet
