"""Who may log in, and what a user record must be."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

from exam_manager.users.password_rules import check_password
from scanhub_libraries.errors import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    TooManyRequestsError,
)
from scanhub_libraries.models import User, UserRole

LONGEST_USERNAME = 100
_LONGEST_PLACE = 64
_IPV6_NETWORK_BITS = 64
FREE_ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 300
LONGEST_WAIT_OF_STRANGERS_SECONDS = 60
ACTIVITY_STEP = timedelta(minutes=1)
"""How exactly the last activity of a user is kept."""
KNOWN_ADDRESSES = 20
"""So many addresses of a user are remembered, those of the latest logins."""


_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")
"""Letters and marks that are drawn as nothing (DerivedCoreProperties: Default_Ignorable)."""
_LOOKS_LIKE = str.maketrans(
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445"
    "\u0455\u0456\u0458\u04bb\u0501\u03b1\u03b5\u03b7\u03b9\u03ba\u03bd\u03bf\u03c1"
    "\u03c4\u03c5\u03c7\u0131\u026101|",
    "abekmhopctyxsijhdaenikvoptuxigoll",
)
"""Letters of other scripts, and digits, that are read as a Latin letter (after UTS 39)."""


def username_of(typed: str) -> str:
    """Return a user name as it is kept and compared: the same however it was typed."""
    return unicodedata.normalize("NFKC", typed).strip()


def look_of(username: str) -> str:
    """Return what a reader takes a user name for: two that look alike have the same."""
    folded = unicodedata.normalize("NFKC", username).casefold().translate(_LOOKS_LIKE)
    return " ".join(folded.split())


def check_look(username: str, others: Iterable[str]) -> None:
    """Refuse a user name that is taken for another one.

    Raises:
        ConflictError: With the other one.
    """
    look = look_of(username)
    for other in others:
        if look_of(other) == look:
            raise ConflictError(
                f"There is a user {other!r} already, who reads the same: take another name.",
                field="username",
            )


def place_of(address: str) -> str:
    """Return the place that wrong passwords from an address are counted at.

    A machine has as many addresses of its IPv6 network as it likes (RFC 8981).
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:_LONGEST_PLACE]
    if isinstance(found, IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped or ip_network((found, _IPV6_NETWORK_BITS), strict=False))
    return str(found)


def check_username(username: str) -> None:
    """Refuse a user name that is too long, or has signs that nobody sees or that end a line.

    Raises:
        BadRequestError: With the reason.
    """
    if len(username) > LONGEST_USERNAME:
        raise BadRequestError(
            f"username may have {LONGEST_USERNAME} characters at most.", field="username"
        )
    kinds = {unicodedata.category(sign) for sign in username if sign != " "}
    if any(kind[0] in "CZ" for kind in kinds) or _UNSEEN.search(username):
        raise BadRequestError(
            "username must not have control characters or others that cannot be seen.",
            field="username",
        )


def check_names(user: User) -> None:
    """Refuse empty names.

    Raises:
        BadRequestError: With the field.
    """
    for field in ("username", "first_name", "last_name"):
        if not getattr(user, field).strip():
            raise BadRequestError(f"{field} must not be empty.", field=field)


def check_new_user(user: User) -> None:
    """Refuse a new user that lacks a name or a proper password.

    Raises:
        BadRequestError: With the reason.
    """
    check_names(user)
    check_username(username_of(user.username))
    if user.token_type != "password":  # noqa: S105 - the contract's word, not a password
        raise BadRequestError(
            "token_type must be 'password' and access_token the password.", field="token_type"
        )
    check_password(user.access_token, names_of(user))


def names_of(user: User) -> tuple[str, ...]:
    """Return what a password must not be made of."""
    return (user.username, user.first_name, user.last_name, user.email or "")


def check_first_user(user: User) -> None:
    """Refuse a first user who could not create the others.

    Raises:
        BadRequestError: The role is not admin, or as for any new user.
    """
    if user.role is not UserRole.ADMIN:
        raise BadRequestError("The first user must be an admin.", field="role")
    check_new_user(user)


def check_update(user: User) -> None:
    """Refuse an update that carries a password or empties a name.

    Raises:
        BadRequestError: With the reason.
    """
    if user.token_type or user.access_token:
        raise BadRequestError(
            "token_type and access_token must be empty here; PUT changepassword changes passwords.",
            field="token_type" if user.token_type else "access_token",
        )
    check_names(user)


def check_admin_remains(username: str, admins: list[str], *, act: str) -> None:
    """Refuse to take the last admin away.

    Raises:
        ForbiddenError: Nobody could manage users any more.
    """
    if admins == [username]:
        raise ForbiddenError(
            f"{username} is the last admin: make another user admin before you {act}."
        )


def wait_seconds(failures: int, *, stranger: bool = False) -> int:
    """Return how long to wait after that many wrong passwords in a row.

    Args:
        failures: How many.
        stranger: They came from addresses that the user has not logged in from. What is counted is
            then the account's, so the wait is short: nobody shall keep a user from a new place for
            long.
    """
    if failures < FREE_ATTEMPTS:
        return 0
    doubled: int = 2 ** min(failures - FREE_ATTEMPTS, 16)
    return min(doubled, LONGEST_WAIT_OF_STRANGERS_SECONDS if stranger else LONGEST_WAIT_SECONDS)


def check_not_locked(locked_until: datetime | None, now: datetime) -> None:
    """Refuse a login while the wait after wrong passwords lasts.

    Raises:
        TooManyRequestsError: With the seconds to wait.
    """
    if locked_until is not None and locked_until > now:
        seconds = ceil((locked_until - now).total_seconds())
        raise TooManyRequestsError(
            f"Too many wrong passwords: wait {seconds} s.", retry_after=seconds
        )


def check_same_site(fetch_site: str | None) -> None:
    """Refuse a login that the page of another site sends.

    It would log the visitor in as somebody else without a word (login CSRF). Browsers tell where a
    request comes from in Sec-Fetch-Site; programs do not send it.

    Raises:
        ForbiddenError: The request comes from another site.
    """
    if fetch_site is not None and fetch_site not in {"same-origin", "none"}:
        raise ForbiddenError("The page of another site cannot log in here.")
