"""Who may log in, and what a user record must be."""

from scanhub_libraries.errors import BadRequestError, ForbiddenError
from scanhub_libraries.models import User, UserRole

PASSWORD_LENGTH = 12
LONGEST_PASSWORD = 1024
LONGEST_USERNAME = 100
FREE_ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 300


def check_password(password: str) -> None:
    """Refuse a password that is too short, too long or blank.

    Raises:
        BadRequestError: With the reason.
    """
    if len(password) < PASSWORD_LENGTH:
        raise BadRequestError(f"The password needs at least {PASSWORD_LENGTH} characters.")
    if len(password) > LONGEST_PASSWORD:
        raise BadRequestError(f"The password may have {LONGEST_PASSWORD} characters at most.")
    if not password.strip():
        raise BadRequestError("The password must not consist of blanks.")


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
    check_password(user.access_token)


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


def wait_seconds(failures: int) -> int:
    """Return how long to wait after that many wrong passwords in a row."""
    if failures < FREE_ATTEMPTS:
        return 0
    doubled: int = 2 ** min(failures - FREE_ATTEMPTS, 16)
    return min(doubled, LONGEST_WAIT_SECONDS)
