"""Which processes of the run engine live: each holds a lock of PostgreSQL for as long as it does.

The lock belongs to a connection. PostgreSQL frees it when the process dies, at once, and when its
host does, after the keepalives; so nobody has to believe a clock. Pooling by transaction, as some
proxies do it, would hand the lock to somebody else: the engine needs a connection of its own.
"""

import threading
from collections.abc import Callable, Collection

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from scanhub_libraries.logging import get_logger
from workflow_manager.engine.port import EngineError

logger = get_logger(__name__)
_MOST_NAMES = 64
_KEEPALIVE = {
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # [ms]: what was sent and not acknowledged is no life
    "connect_timeout": 10,
}
_KEY = "hashtextextended('scanhub-executor:' || :name, 0)"
_HELD = """
SELECT name FROM unnest(CAST(:names AS text[])) AS name
JOIN LATERAL (SELECT hashtextextended('scanhub-executor:' || name, 0) AS key) AS of_it ON true
WHERE EXISTS (
  SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (classid::bigint << 32) | objid::bigint = key
)
"""
"""A lock on a number of 64 bits is shown as its halves (PostgreSQL, pg_locks)."""


class ExecutorLease:
    """The name of this process in the run engine, for as long as it lives.

    Args:
        url: PostgreSQL, for a blocking driver.
        wanted: The name to have; where another process has it, a number is put behind it.
    """

    def __init__(self, url: str, wanted: str) -> None:
        self._database = sa.create_engine(
            url,
            poolclass=sa.NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={**_KEEPALIVE, "application_name": "scanhub lease"},
        )
        self._wanted = wanted
        self._connection: sa.Connection | None = None
        self._lock = threading.Lock()
        self.name = wanted
        self.usurped = False
        """Another process has the name: this one is as good as dead, and must not go on."""

    def take(self) -> str:
        """Take a name that nobody has; blocking.

        Raises:
            EngineError: All are taken.
        """
        with self._lock:
            self._connection = connection = self._connect()
            for number in range(1, _MOST_NAMES + 1):
                name = self._wanted if number == 1 else f"{self._wanted}-{number}"
                if _try(connection, name):
                    self.name = name
                    return name
        raise EngineError(f"{_MOST_NAMES} processes of the name {self._wanted!r} are running.")

    def keep(self) -> bool:
        """Look whether the lock is held, and take it again if the connection was lost.

        Returns:
            Whether it is held.
        """
        with self._lock:
            try:
                if self._connection is not None:
                    self._connection.execute(sa.text("SELECT 1"))
                    return True
            except SQLAlchemyError as error:
                logger.warning("the lease of this process is lost", error=type(error).__name__)
                self._drop()
            try:
                self._connection = self._connect()
                if _try(self._connection, self.name):
                    self.usurped = False
                    return True
                self.usurped = True
                logger.error("another process has the name of this one", executor_id=self.name)
            except SQLAlchemyError as error:
                logger.warning("the lease cannot be renewed", error=type(error).__name__)
            self._drop()
            return False

    def living(self, names: Collection[str]) -> set[str]:
        """Return whose locks are held, of some names; nobody's is touched."""
        with self._lock:
            if self._connection is None or not names:
                return set()
            found = self._connection.execute(sa.text(_HELD), {"names": [*names]})
            return {name for (name,) in found}

    def if_dead(self, name: str, take_over: Callable[[], int]) -> int:
        """Take over what a process left, if it is dead; its name is held meanwhile.

        Args:
            name: Of a process.
            take_over: What to do; says how much it was.
        """
        with self._lock:
            if name == self.name or self._connection is None or not _try(self._connection, name):
                return 0
            try:
                return take_over()
            finally:
                self._connection.execute(
                    sa.text(f"SELECT pg_advisory_unlock({_KEY})"),
                    {"name": name},
                )

    def release(self) -> None:
        """Let others take over what is left."""
        with self._lock:
            self._drop()
            self._database.dispose()

    def _connect(self) -> sa.Connection:
        connection = self._database.connect()
        for setting, value in (("idle", 5), ("interval", 5), ("count", 3)):
            connection.exec_driver_sql(f"SET tcp_keepalives_{setting} = {value}")
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()  # closes it, also when it is broken
            connection.close()


def _try(connection: sa.Connection, name: str) -> bool:
    query = sa.text(f"SELECT pg_try_advisory_lock({_KEY})")
    return bool(connection.execute(query, {"name": name}).scalar_one())
