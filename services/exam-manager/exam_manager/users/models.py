"""Tables: accounts, logins, revocations."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from exam_manager.database import Table
from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import UtcDateTime, text_enum
from scanhub_libraries.ids import new_id
from scanhub_libraries.models import UserRole


class Account(Table, table=True):
    """A user."""

    __tablename__ = "account"

    username: str = Field(primary_key=True, max_length=200)
    first_name: str = Field(max_length=200)
    last_name: str = Field(max_length=200)
    email: str | None = Field(default=None, max_length=200)
    role: UserRole = Field(sa_type=text_enum(UserRole))
    password_hash: str = Field(max_length=500)
    founder: bool | None = Field(default=None, unique=True)
    """True for the first user, else None: the constraint lets only one be first."""
    datetime_created: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    last_login_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_activity_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 1
    must_change_password: bool = False
    password_changed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failed_logins: int = 0
    """Wrong passwords in a row, from addresses that this user has not logged in from."""
    locked_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Until then no login from such an address."""


class KnownAddress(Table, table=True):
    """An address that a user has logged in from: its back-off is its own, not the account's."""

    __tablename__ = "known_address"

    username: str = Field(
        foreign_key="account.username", ondelete="CASCADE", primary_key=True, max_length=200
    )
    address: str = Field(primary_key=True, max_length=64)
    last_login_at: datetime = Field(sa_type=UtcDateTime)
    failed_logins: int = 0
    """Wrong passwords in a row, from here."""
    locked_until: datetime | None = Field(default=None, sa_type=UtcDateTime)


class LoginSession(Table, table=True):
    """A login; its id is the `sid` of the token."""

    __tablename__ = "login_session"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    username: str = Field(
        foreign_key="account.username", ondelete="CASCADE", index=True, max_length=200
    )
    datetime_created: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    address: str = Field(default="", max_length=64)
    user_agent: str = Field(default="", max_length=200)


class RevokedAccess(Table, table=True):
    """Tokens that are void although they have not expired; other services follow by `id`."""

    __tablename__ = "revocation"
    __table_args__ = {"sqlite_autoincrement": True}

    id: int | None = Field(
        default=None,
        primary_key=True,
        sa_type=sa.BigInteger().with_variant(sa.Integer, "sqlite"),
    )
    kind: str = Field(max_length=16)
    value: str = Field(max_length=200)
    not_before: int = Field(sa_type=sa.BigInteger)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
