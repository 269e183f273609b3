"""Tokens: JWT signed with ES256. exam-manager signs; every service verifies offline.

A credential is as narrow as its use (docs/decisions/0005-task-tokens.md):
user 11 h, service 10 min, task (one task, one device) and job (one run) 24 h and only while the
claim they were made for holds.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jose import JOSEError, JWTError, jwk, jwt

from scanhub_libraries.errors import TokenInvalidError
from scanhub_libraries.models.enums import UserRole
from scanhub_libraries.models.user import Revocations
from scanhub_libraries.security.principal import Principal, PrincipalKind
from scanhub_libraries.security.secret_files import SecretFileError, read_or_create

ALGORITHM = "ES256"
ISSUER = "scanhub"
USER_LIFETIME = timedelta(hours=11)
SERVICE_LIFETIME = timedelta(minutes=10)
TASK_LIFETIME = timedelta(hours=24)
_LEEWAY_SECONDS = 5
_MUST_CHANGE = "must_change_password"
FORMER_KEYS = "signing.former.pub.pem"
FORMER_LIFETIME = timedelta(days=8)
"""How long a key verifies after it was replaced: a server may go on signing with it for a week,
until it is restarted, and a token lasts a day at most."""


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """An ES256 key pair, PEM."""

    private_pem: str
    public_pem: str
    former: tuple[str, ...] = ()
    """Public keys, PEM, with which tokens were signed that may not have expired."""


def generate_keys() -> SigningKeys:
    """Make a new key pair."""
    private_pem = _new_private_pem()
    return SigningKeys(private_pem, _public_pem(private_pem))


def _new_private_pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _public_pem(private_pem: str) -> str:
    """Return the public half.

    Raises:
        ValueError: It is no private key on the curve P-256.
    """
    try:
        key = serialization.load_pem_private_key(private_pem.encode(), password=None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from error
    curve = key.curve if isinstance(key, ec.EllipticCurvePrivateKey) else None
    if not isinstance(curve, ec.SECP256R1):
        raise ValueError("not on the curve P-256")  # noqa: TRY004 - the file has a wrong value
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public.decode()


def keys_of(private_pem: str) -> SigningKeys:
    """Return the key pair of a private key.

    Raises:
        ValueError: It is no private key for ES256.
    """
    return SigningKeys(private_pem, _public_pem(private_pem))


def former_keys(folder: Path, *, now: float | None = None) -> tuple[str, ...]:
    """Return the public keys that were replaced not long ago; see `scanhub rotate-keys`."""
    path = folder / FORMER_KEYS
    oldest = (time.time() if now is None else now) - FORMER_LIFETIME.total_seconds()
    found = []
    for line in path.read_text(encoding="ascii").splitlines() if path.exists() else ():
        replaced_at, _, der = line.partition(" ")
        if float(replaced_at) > oldest:
            found.append(f"-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n")
    return tuple(found)


def load_or_create_keys(folder: Path) -> SigningKeys:
    """Return the key pair in `folder`; make it at the first start, readable by the owner only.

    The public half is told by the private one; its file is for whoever wants it.

    Raises:
        SecretFileError: The file holds no such key.
    """
    path, public = folder / "signing.pem", folder / "signing.pub.pem"
    private_pem = read_or_create(path, _new_private_pem)
    try:
        keys = replace(keys_of(private_pem), former=former_keys(folder))
    except ValueError as error:
        raise SecretFileError(
            f"{path} is no private key for ES256 (curve P-256, PEM, without a password): put the "
            "right one there, or remove it and all users log in anew."
        ) from error
    if not public.exists() or public.read_text() != keys.public_pem:
        public.write_text(keys.public_pem)
    return keys


def load_public_key(folder: Path) -> str:
    """Return the key that verifies tokens, for who signs none: the private one may be elsewhere.

    Raises:
        SecretFileError: A file holds no such key.
    """
    public = folder / "signing.pub.pem"
    if (folder / "signing.pem").exists() or not public.exists():
        return load_or_create_keys(folder).public_pem
    pem = public.read_text()
    try:
        jwk.construct(pem, ALGORITHM)
    except JOSEError as error:
        raise SecretFileError(
            f"{public} is no public key (curve P-256, PEM): put that of exam-manager there."
        ) from error
    return pem


class TokenSigner:
    """Signs tokens. Only exam-manager holds one."""

    def __init__(self, private_pem: str) -> None:
        self._key = jwk.construct(private_pem, ALGORITHM)  # read once: it takes as long as to sign

    def _sign(
        self, kind: PrincipalKind, subject: str, lifetime: timedelta, **claims: str | bool
    ) -> str:
        now = int(time.time())
        document: dict[str, Any] = {
            "iss": ISSUER,
            "sub": subject,
            "kind": kind.value,
            "iat": now,
            "exp": now + int(lifetime.total_seconds()),
            "jti": uuid4().hex,
            **claims,
        }
        token: str = jwt.encode(document, self._key, algorithm=ALGORITHM)
        return token

    def user_token(
        self,
        username: str,
        role: UserRole,
        session_id: UUID,
        *,
        must_change_password: bool = False,
    ) -> str:
        """Sign a token of a login; with `must_change_password` it is good for little else."""
        demand = {_MUST_CHANGE: True} if must_change_password else {}
        return self._sign(
            PrincipalKind.USER,
            username,
            USER_LIFETIME,
            role=role.value,
            sid=str(session_id),
            **demand,
        )

    def service_token(self, service: str) -> str:
        """Sign a token of a service."""
        return self._sign(PrincipalKind.SERVICE, service, SERVICE_LIFETIME)

    def task_token(self, task_id: UUID, device_id: UUID, claim_id: UUID) -> str:
        """Sign a token with which a device reports on one task and uploads its data."""
        return self._sign(
            PrincipalKind.TASK,
            str(device_id),
            TASK_LIFETIME,
            task_id=str(task_id),
            claim_id=str(claim_id),
            device_id=str(device_id),
        )

    def job_token(self, task_id: UUID, run_id: UUID, claim_id: UUID) -> str:
        """Sign a token with which a run reports on its task."""
        return self._sign(
            PrincipalKind.JOB,
            str(run_id),
            TASK_LIFETIME,
            task_id=str(task_id),
            claim_id=str(claim_id),
        )


class RevocationList:
    """Sessions and subjects whose tokens are void, in memory; fed from exam-manager."""

    def __init__(self) -> None:
        self._sessions: set[str] = set()
        self._subjects: dict[str, int] = {}
        self.last = 0

    def update(self, revocations: Revocations) -> None:
        """Take in what is new."""
        for item in revocations.items:
            if item.kind == "session":
                self._sessions.add(item.value)
            else:
                known = self._subjects.get(item.value, 0)
                self._subjects[item.value] = max(known, item.not_before)
        self.last = max(self.last, revocations.last)

    def is_revoked(self, principal: Principal) -> bool:
        """Say whether a token is void although its signature holds."""
        if principal.kind is not PrincipalKind.USER:
            return False
        if str(principal.session_id) in self._sessions:
            return True
        return principal.issued_at < self._subjects.get(principal.subject, 0)


class TokenVerifier:
    """Verifies tokens with the public key alone.

    A signature is checked once a token; expiry and revocation at every use.
    """

    def __init__(
        self,
        public_pem: str,
        revocations: RevocationList | None = None,
        *,
        former: Sequence[str] = (),
        remembered: int = 4096,
    ) -> None:
        """Make it.

        Args:
            public_pem: The public key.
            revocations: What is void although it has not expired.
            former: Public keys that were replaced: what they signed is good until it expires.
            remembered: Tokens whose signature is not checked again.
        """
        self._public_pems = (public_pem, *former)
        self._remembered = remembered
        self._known: dict[str, Principal] = {}
        self.revocations = revocations or RevocationList()

    def verify(self, token: str) -> Principal:
        """Return the principal a token speaks for.

        Raises:
            TokenInvalidError: Wrong signature or form, expired, or revoked.
        """
        principal = self._known.get(token)
        if principal is None or principal.expires_at <= time.time():
            self._known.pop(token, None)
            principal = self._decode(token)
            if len(self._known) >= self._remembered:
                del self._known[next(iter(self._known))]  # the one known longest
            self._known[token] = principal
        if self.revocations.is_revoked(principal):
            raise TokenInvalidError("The session has ended: log in again.")
        return principal

    def _decode(self, token: str) -> Principal:
        """Check signature, expiry and form."""
        *former, last = self._public_pems
        for public_pem in former:
            with suppress(TokenInvalidError):
                return self._decode_with(public_pem, token)
        return self._decode_with(last, token)

    def _decode_with(self, public_pem: str, token: str) -> Principal:
        try:
            claims = jwt.decode(
                token,
                public_pem,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                options={
                    "verify_aud": False,
                    "require_exp": True,
                    "require_iat": True,
                    "require_sub": True,
                    "leeway": _LEEWAY_SECONDS,
                },
            )
            return _principal(claims, token)
        except (JWTError, ValueError, KeyError) as error:
            raise TokenInvalidError(
                "The token is not valid or has expired: log in again."
            ) from error


def _principal(claims: dict[str, Any], token: str) -> Principal:
    kind = PrincipalKind(claims["kind"])
    if kind is PrincipalKind.ANONYMOUS:
        raise ValueError("no token is anonymous")

    def identifier(name: str) -> UUID | None:
        return UUID(claims[name]) if name in claims else None

    return Principal(
        kind=kind,
        subject=claims["sub"],
        role=UserRole(claims["role"]) if kind is PrincipalKind.USER else None,
        session_id=identifier("sid"),
        task_id=identifier("task_id"),
        claim_id=identifier("claim_id"),
        device_id=identifier("device_id"),
        must_change_password=bool(claims.get(_MUST_CHANGE, False)),
        issued_at=int(claims["iat"]),
        expires_at=int(claims["exp"]),
        token=token,
    )
