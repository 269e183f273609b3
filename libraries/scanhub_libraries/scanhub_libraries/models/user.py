"""Users and their credentials."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints

from scanhub_libraries.models.enums import UserRole
from scanhub_libraries.models.fields import ShortText, WireModel

Password = Annotated[str, StringConstraints(max_length=1024)]


class User(WireModel):
    """A user. On creation `access_token` carries the password and `token_type` is `password`."""

    username: ShortText
    first_name: ShortText
    last_name: ShortText
    email: ShortText | None = None
    role: UserRole
    access_token: Annotated[str, StringConstraints(max_length=4096)] = ""
    token_type: ShortText = ""
    last_activity_unixtime: Annotated[int | None, Field(description="Unix time [s]")] = None
    last_login_unixtime: Annotated[int | None, Field(description="Unix time [s]")] = None
    must_change_password: Annotated[
        bool,
        Field(description="Until the user has set a new password, a login is good for that only"),
    ] = False
    version: Annotated[
        int | None, Field(description="Goes up with each edit; the ETag. Not to be sent")
    ] = None
    locked_until: Annotated[
        AwareDatetime | None,
        Field(
            description="Until then no login from an address that the user has not logged in from; "
            "not to be sent"
        ),
    ] = None


class PasswordUpdateRequest(WireModel):
    """A new password, vouched for by the requester's own.

    The change ends the demand for a change when it is one's own password. For somebody else's,
    `must_change_password` sets or ends it; without, it stays as it is.
    """

    password_of_requester: Password
    username_to_change_password_for: ShortText
    newpassword: Password
    must_change_password: Annotated[
        bool | None, Field(description="The other user has to set a new one at the next login")
    ] = None


class ServiceCredentials(WireModel):
    """How a service shows who it is."""

    service: ShortText
    secret: Annotated[str, StringConstraints(max_length=512)]


class ServiceToken(WireModel):
    """A short-lived token of a service."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 - the OAuth2 token type
    expires_in: Annotated[int, Field(description="Lifetime [s]")]


class Revocation(WireModel):
    """Something whose tokens are void from now on."""

    id: int
    kind: Annotated[str, Field(description="`session` or `subject`")]
    value: str
    not_before: Annotated[
        int, Field(description="Tokens of the subject issued before this are void: Unix time [s]")
    ]


class Revocations(WireModel):
    """Revocations after a number, oldest first."""

    items: list[Revocation]
    last: int


class SessionOut(WireModel):
    """A login that has not ended."""

    id: UUID
    username: str
    datetime_created: AwareDatetime
    expires_at: AwareDatetime
    address: Annotated[str, Field(description="Where the login came from")]
    user_agent: Annotated[str, Field(description="What the program called itself")]
    current: Annotated[bool, Field(description="The login of this very request")] = False
