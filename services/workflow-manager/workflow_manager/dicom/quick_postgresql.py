"""The usual way of received images into the index, on PostgreSQL: see `quick_index`.

One statement takes all that wait, from a thread with a connection and a loop of its own: the way
through the service's loop and SQLAlchemy cost several times as much. What is not usual is left.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from pydantic_core import to_json
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncEngine

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions
from workflow_manager.dicom.image import Image
from workflow_manager.dicom.models import DicomInstance
from workflow_manager.dicom.rules import instance_key

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
_TABLES = DicomInstance.metadata.tables
_GIVEN_S = 30.0
"""How long the database may take for a statement [s]."""


def _insert() -> str:
    """Write the statement that enters images: those of known series that say nothing odd."""
    quote = _DIALECT.identifier_preparer.quote
    columns = [c for c in _TABLES["dicom_instance"].c if c.name != "series_id"]
    names = ", ".join(quote(c.name) for c in columns)
    typed = ", ".join(f"{quote(c.name)} {c.type.compile(dialect=_DIALECT)}" for c in columns)
    return f"""
        INSERT INTO dicom_instance ({names}, series_id)
        SELECT {", ".join(f"image.{quote(c.name)}" for c in columns)}, series.id
        FROM json_to_recordset($1::json)
            AS image(study text, series text, patient text, name_key text, {typed})
        JOIN dicom_series AS series ON series.study_instance_uid = image.study
            AND series.series_instance_uid = image.series AND series.removed_at IS NULL
        JOIN dicom_study AS study ON study.study_instance_uid = image.study
        WHERE series.other_patient OR (study.patient_id = image.patient AND
            ('' IN (image.name_key, study.patient_name_key)
            OR image.name_key = study.patient_name_key))
        ORDER BY image.sop_instance_uid
        ON CONFLICT DO NOTHING
        RETURNING sop_instance_uid, series_id
    """  # noqa: S608 - of the names of our tables


_INSERT = _insert()
_ADD = """
    UPDATE dicom_series
    SET number_of_series_related_instances = number_of_series_related_instances + $2,
        last_received_at = $3, closed_at = NULL, removed_at = NULL, complete = false
    WHERE id = $1
"""
"""What arrives late opens a series again."""


async def add_to_series(connection: asyncpg.Connection, more: Counter[UUID], now: datetime) -> None:
    """Count images that came for series; the last step before the commit."""
    for series in sorted(more):  # as everybody does: nobody waits for one who waits
        await connection.execute(_ADD, series, more[series], now)


class PostgresqlIndex:
    """The index, for threads. They take turns."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Connect nowhere yet."""
        _, self._told = engine.dialect.create_connect_args(engine.url)
        self._turn = threading.Lock()
        self._runner: asyncio.Runner | None = None
        self._connection: asyncpg.Connection | None = None

    def enter_usual(
        self, images: Sequence[Image], place: Callable[[Sequence[int]], None]
    ) -> set[int]:
        """Put those images into the index that are usual; return the numbers of those.

        Args:
            images: Any number.
            place: Puts the files of the images with these numbers in their places, before the
                commit.

        Raises:
            OSError: The database is away, or a file gets no place.
            asyncpg.PostgresError: The database does not take it.
            TimeoutError: It does not answer.
        """
        with self._turn:
            self._runner = self._runner or asyncio.Runner()
            return self._runner.run(self._enter_usual(images, place))

    async def _enter_usual(
        self, images: Sequence[Image], place: Callable[[Sequence[int]], None]
    ) -> set[int]:
        numbers: dict[str, int] = {}
        for number, image in enumerate(images):
            numbers.setdefault(image.sop_instance_uid, number)  # of one UID, the first
        now = utc_now()
        rows = b",".join(_row(images[number], now) for number in numbers.values())
        try:
            connection = await self._connected()
            async with connection.transaction():
                found = await connection.fetch(_INSERT, f"[{rows.decode()}]")
                entered = [numbers[row[0]] for row in found]
                place(entered)
                await add_to_series(connection, Counter(row[1] for row in found), now)
        except BaseException:
            await self._disconnect()
            raise
        return set(entered)

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(**self._told, command_timeout=_GIVEN_S)
        return self._connection

    async def _disconnect(self) -> None:
        """Begin with a new connection next time: what this one is worth is not known."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    def close(self) -> None:
        """Close the connection."""
        with self._turn:
            if self._runner is not None:
                if self._connection is not None:
                    self._runner.run(self._connection.close(timeout=_GIVEN_S))
                self._runner.close()
            self._runner = self._connection = None


def postgresql_index(sessions: Sessions) -> PostgresqlIndex | None:
    """Return what lets threads index usual images on PostgreSQL; None: it is another database."""
    engine: AsyncEngine = sessions.kw["bind"]
    return PostgresqlIndex(engine) if engine.dialect.name == "postgresql" else None


def _row(image: Image, now: datetime) -> bytes:
    columns: dict[str, Any] = {
        **image.columns,
        "study": image.study_instance_uid,
        "series": image.series_instance_uid,
        "patient": image.patient_id,
        "name_key": image.patient_name_key,
        "sop_instance_uid": image.sop_instance_uid,
        "key": instance_key(*image[:3]),
        "duplicates": 0,
        "conflicts": 0,
        "received_at": now,
    }
    tags: str = columns.pop("tags")
    return to_json(columns)[:-1] + b',"tags":' + tags.encode() + b"}"
