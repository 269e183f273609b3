"""Who may log in, and what a user record must be."""

from datetime import datetime, timedelta
from math import ceil

from exam_manager.users.password_rules import check_password
from scanhub_libraries.errors import BadRequestError, ForbiddenError, TooManyRequestsError
from scanhub_libraries.models import User, UserRole

LONGEST_USERNAME = 100
FREE_ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 300
LONGEST_WAIT_OF_STRANGERS_SECONDS = 60
ACTIVITY_STEP = timedelta(minutes=1)
"""How exactly the last activity of a user is kept."""
KNOWN_ADDRESSES = 20
"""So many addresses of a user are remembered, those of the latest logins."""


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
    if len(user.username.strip()) > LONGEST_USERNAME:
        raise BadRequestError(
            f"username may have {LONGEST_USERNAME} characters at most.", field="username"
        )
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
