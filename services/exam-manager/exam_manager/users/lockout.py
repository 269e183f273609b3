"""Back-off after wrong passwords, stored, so that a restart or a second process does not forget.

Two counts. An address that the user has logged in from has its own. All other addresses share the
account's: whoever guesses from a thousand of them is one stranger. So guessing is slow from
wherever, and a stranger who keeps the account locked does not lock out the user at the usual place.
An address that tries one name after the other is held off by the gate, in memory. All addresses of
one IPv6 network are one: a machine there takes a new one whenever it likes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.sql.dml import ReturningUpdate
from sqlmodel import col

from exam_manager.database import emit
from exam_manager.users import rules
from exam_manager.users.login_gate import LoginGate
from exam_manager.users.models import Account, KnownAddress
from scanhub_libraries.errors import NotFoundError
from scanhub_libraries.events import EventType

_QUIETLY = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody tries a password."""

    username: str
    password: str
    address: str
    now: datetime

    @property
    def place(self) -> str:
        """Where it is counted."""
        return rules.place_of(self.address)

    @property
    def who(self) -> dict[str, str]:
        """What statements about the account are given."""
        return {"who": self.username}

    @property
    def here(self) -> dict[str, str]:
        """What statements about the account at this place are given."""
        return {"who": self.username, "place": self.place}

    def __repr__(self) -> str:
        return "Attempt()"


_ACCOUNT = Account.__table__  # type: ignore[attr-defined]
_KNOWN = KnownAddress.__table__  # type: ignore[attr-defined]
# Made once, and of tables: whoever guesses makes them run at full rate.
_THIS = _ACCOUNT.c.username == sa.bindparam("who")
_HERE = (_KNOWN.c.username == sa.bindparam("who")) & (_KNOWN.c.address == sa.bindparam("place"))
_FIND = (
    sa.select(
        _ACCOUNT.c.password_hash,
        _ACCOUNT.c.locked_until,
        _KNOWN.c.username.is_not(None).label("known"),
        _KNOWN.c.locked_until.label("here_until"),
    )
    .select_from(_ACCOUNT.outerjoin(_KNOWN, _HERE))
    .where(_THIS)
)
_HOLD = sa.select(_ACCOUNT.c.username).where(_THIS).with_for_update()


def _counted(table: sa.Table, rows: sa.ColumnElement[bool]) -> ReturningUpdate[int]:
    counter = table.c.failed_logins
    return sa.update(table).where(rows).values(failed_logins=counter + 1).returning(counter)


_COUNT, _COUNT_HERE = _counted(_ACCOUNT, _THIS), _counted(_KNOWN, _HERE)
_LOCK = sa.update(_ACCOUNT).where(_THIS).values(locked_until=sa.bindparam("until"))
_LOCK_HERE = sa.update(_KNOWN).where(_HERE).values(locked_until=sa.bindparam("until"))


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a name before its password is checked."""

    password_hash: str | None
    """None: no user has this name."""
    known_place: bool


async def find(asked: AsyncSession | AsyncConnection, gate: LoginGate, attempt: Attempt) -> Found:
    """Return the hash that the password must match.

    Raises:
        TooManyRequestsError: After wrong passwords.
    """
    row = (await asked.execute(_FIND, attempt.here)).one_or_none()
    if row is None or not row.known:
        gate.check_stranger(attempt.place, attempt.now)
    if row is None:
        rules.check_not_locked(gate.unknown_locked_until(attempt.username), attempt.now)
        return Found(None, known_place=False)
    rules.check_not_locked(row.here_until if row.known else row.locked_until, attempt.now)
    return Found(row.password_hash, known_place=row.known)


async def find_again(session: AsyncSession, gate: LoginGate, attempt: Attempt) -> Found:
    """Look again once the password is checked: whoever tries many at once gets no more guesses.

    The account stays locked until the end of the transaction, so that attempts are judged one after
    the other.

    Raises:
        TooManyRequestsError: Others were wrong meanwhile; whether this one was right is not told.
    """
    await session.execute(_HOLD, attempt.who)
    return await find(session, gate, attempt)


async def note_failure(session: AsyncSession, gate: LoginGate, attempt: Attempt) -> None:
    """Count a wrong password, and lock where there were too many.

    The same statements run for an unknown user, who takes as long as one whom we know.
    """
    at_known = await session.scalar(_COUNT_HERE, attempt.here)
    at_account = None if at_known else await session.scalar(_COUNT, attempt.who)
    stranger = at_known is None
    if stranger and at_account is None:  # no row keeps the others waiting: look once more
        rules.check_not_locked(gate.unknown_locked_until(attempt.username), attempt.now)
    if stranger:
        gate.count_wrong(attempt.place, attempt.now)
    failures = at_known or at_account or gate.count_unknown(attempt.username)
    seconds = rules.wait_seconds(failures, stranger=stranger)
    if seconds:
        until = attempt.now + timedelta(seconds=seconds)
        lock, which = (_LOCK, attempt.who) if stranger else (_LOCK_HERE, attempt.here)
        await session.execute(lock, {**which, "until": until})
        if at_known is None and at_account is None:
            gate.lock_unknown(attempt.username, until)
    if at_known is None and at_account is None:
        _tell_unknown(session, attempt, gate.record_unknown(attempt.now))
    else:
        _tell(session, attempt, locked=failures == rules.FREE_ATTEMPTS)


def _tell(session: AsyncSession, attempt: Attempt, *, locked: bool) -> None:
    data = {"username": attempt.username, "address": attempt.address}
    emit(session, EventType.USER_LOGIN_REFUSED, attempt.username, data, actor="anonymous")
    if locked:
        emit(session, EventType.USER_LOCKED, attempt.username, dict(data), actor="anonymous")


def _tell_unknown(session: AsyncSession, attempt: Attempt, attempts: int) -> None:
    # What stands in the name field of an unknown user may be a password: it is not written down.
    if attempts:
        data = {"username": "unknown", "address": attempt.address, "attempts": attempts}
        emit(session, EventType.USER_LOGIN_REFUSED, "unknown", data, actor="anonymous")


async def note_success(
    session: AsyncSession, account: Account, address: str, *, now: datetime
) -> None:
    """Forget the wrong passwords before this right one, and remember the address."""
    place = rules.place_of(address)
    known = await session.get(KnownAddress, (account.username, place))
    if known is not None:
        known.failed_logins, known.locked_until, known.last_login_at = 0, None, now
        return
    account.failed_logins, account.locked_until = 0, None
    session.add(KnownAddress(username=account.username, address=place, last_login_at=now))
    await session.flush()
    mine = col(KnownAddress.username) == account.username
    newest = (
        sa.select(col(KnownAddress.address))
        .where(mine)
        .order_by(col(KnownAddress.last_login_at).desc())
        .limit(rules.KNOWN_ADDRESSES)
    )
    others = mine & col(KnownAddress.address).not_in(newest)
    await session.execute(sa.delete(KnownAddress).where(others), execution_options=_QUIETLY)


async def forget_failures(session: AsyncSession, account: Account) -> None:
    """Forget all wrong passwords of an account."""
    account.failed_logins, account.locked_until = 0, None
    await session.execute(
        sa.update(KnownAddress)
        .where(col(KnownAddress.username) == account.username)
        .values(failed_logins=0, locked_until=None),
        execution_options=_QUIETLY,
    )


async def unlock(session: AsyncSession, username: str) -> None:
    """Let a user log in again at once, from wherever."""
    account = await session.get(Account, username, with_for_update=True)
    if account is None:
        raise NotFoundError(f"There is no user {username!r}.")
    await forget_failures(session, account)
    emit(session, EventType.USER_UNLOCKED, username, {"username": username})
