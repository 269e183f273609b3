"""Who may wait for a password check, and the back-off of strangers. In memory."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from scanhub_libraries.errors import TooManyRequestsError

_REMEMBERED = 10_000
_WAITING_PER_ADDRESS = 4
_WAITING = 32
_WAITING_KNOWN = 8
_WRONG_PER_ADDRESS = 30
_FORGIVEN_S = 2
_RECORDS = 30
_RECORD_WINDOW = timedelta(minutes=1)


class LoginGate:
    """Bounds the queue of password checks, and treats names that do not exist like those that do.

    What stands in the name field may be a password, so unknown names are never written down.
    """

    def __init__(self) -> None:
        self._unknown: OrderedDict[str, tuple[int, datetime | None]] = OrderedDict()
        self._waiting: dict[str, int] = {}
        self._records: tuple[datetime | None, int] = (None, 0)
        self._unrecorded = 0
        self._wrong: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many wait for a password check."""
        return sum(self._waiting.values())

    @asynccontextmanager
    async def entered(self, address: str, *, known: bool) -> AsyncIterator[None]:
        """Hold a place in the queue of password checks.

        Args:
            address: Where the login comes from.
            known: The user has logged in from there: some places are kept free for these.

        Raises:
            TooManyRequestsError: Too many wait, here or in all.
        """
        here = self._waiting.get(address, 0)
        most = _WAITING + _WAITING_KNOWN if known else _WAITING
        if here >= _WAITING_PER_ADDRESS or self.waiting >= most:
            raise TooManyRequestsError("Too many logins at once: try again.", retry_after=1)
        self._waiting[address] = here + 1
        try:
            yield
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]

    def check_stranger(self, address: str, now: datetime) -> None:
        """Hold off an address that tries one name after the other.

        To be asked for names that have not logged in from there only: in a house with one address
        for all, those who work there go on.

        Raises:
            TooManyRequestsError: Too many wrong passwords from there lately.
        """
        if self._wrong_lately(address, now) >= _WRONG_PER_ADDRESS:
            raise TooManyRequestsError(
                "Too many wrong passwords from this address: try again.", retry_after=_FORGIVEN_S
            )

    def count_wrong(self, address: str, now: datetime) -> None:
        """Count a wrong password of a stranger."""
        wrong = self._wrong_lately(address, now) + 1
        self._wrong.pop(address, None)
        self._wrong[address] = (wrong, now)
        while len(self._wrong) > _REMEMBERED:
            self._wrong.popitem(last=False)

    def _wrong_lately(self, address: str, now: datetime) -> int:
        """Return the wrong passwords from an address; one is forgiven every so many seconds."""
        wrong, at = self._wrong.get(address, (0, now))
        forgiven = int((now - at).total_seconds() / _FORGIVEN_S)
        return max(wrong - forgiven, 0)

    def unknown_locked_until(self, username: str) -> datetime | None:
        """Return until when a name that no user has is locked."""
        return self._unknown.get(username, (0, None))[1]

    def count_unknown(self, username: str) -> int:
        """Count a wrong password for a name that no user has."""
        failures = self._unknown.pop(username, (0, None))[0] + 1
        self._unknown[username] = (failures, None)
        while len(self._unknown) > _REMEMBERED:
            self._unknown.popitem(last=False)
        return failures

    def record_unknown(self, now: datetime) -> int:
        """Return how many wrong logins of unknown names the next record stands for; 0: no record.

        Whoever makes up names at full rate would else fill the journal, and make each of its
        readers work. Those left out are counted in the next record.
        """
        begun, records = self._records
        if begun is None or now - begun >= _RECORD_WINDOW:
            begun, records = now, 0
        self._unrecorded += 1
        if records >= _RECORDS:
            return 0
        self._records = (begun, records + 1)
        standing_for, self._unrecorded = self._unrecorded, 0
        return standing_for

    def lock_unknown(self, username: str, until: datetime) -> None:
        """Lock a name that no user has."""
        self._unknown[username] = (self._unknown[username][0], until)
