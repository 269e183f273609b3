"""Makes many images of some, in PostgreSQL: what was routed, again and again in earlier times.

Written one by one, ten million images take hours. So some are filled in as receiving and routing
would (`scale_fill`), and the database copies them itself: other UIDs, other ids, other patients,
times before, and more images in each series.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bench.dicomweb_fill import INSTANCES

BASE: Final = 20_000
"""Images that are copied."""
IMAGES_IN_PLACE: Final = 4
"""Images that become of one in its series."""
SECONDS_OF_BASE: Final = 4_000 * 60
"""Time in which the base was received [s]: a copy is as much earlier."""
_TABLES: Final = (
    *("dicom_study", "dicom_series", "dicom_instance", "series_decision", "image_case"),
    *("image_case_series", "dispatch", "image_case_dispatch", "dispatched_instance"),
    "journal_event",
)
_OF_INSTANCES: Final = {"dicom_instance", "dispatched_instance"}
_OF_ONE_IMAGE: Final = {"sop_instance_uid", "key"}
_NAMES: Final = {"patient_id", "patient_name", "patient_name_key", "accession_number"}
_CONSTRAINTS: Final = """
SELECT conrelid::regclass::text AS at, conname AS name, contype::text AS kind,
       pg_get_constraintdef(oid) AS definition
FROM pg_constraint
WHERE contype IN ('p', 'u', 'f')
  AND (conrelid::regclass::text = ANY(:tables) OR confrelid::regclass::text = ANY(:tables))"""
_INDEXES: Final = """
SELECT indexname AS name, indexdef AS definition FROM pg_indexes
WHERE tablename = ANY(:tables) AND schemaname = 'public'"""


async def copy(engine: AsyncEngine, images: int) -> None:
    """Make so many images of those that there are.

    Args:
        engine: Of a PostgreSQL database with `BASE` images that no server uses.
        images: How many there are afterwards, a multiple of what a copy has.
    """
    times = images // (BASE * IMAGES_IN_PLACE)
    async with engine.connect() as connection:
        plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
        made_again = await _without_indexes(plain)
        for table in _TABLES:
            await plain.execute(sa.text(f"CREATE TEMP TABLE base AS TABLE {table}"))
            await _copy_table(plain, table, times)
            await plain.execute(sa.text("DROP TABLE base"))
        for statement in made_again:
            await plain.execute(sa.text(statement))
        await plain.execute(sa.text(_NEXT_EVENT))


_NEXT_EVENT: Final = """
SELECT setval(pg_get_serial_sequence('journal_event', 'sequence'), max(sequence))
FROM journal_event"""


async def _without_indexes(connection: AsyncConnection) -> list[str]:
    """Drop what is quicker made behind the rows; return how."""
    tables = {"tables": list(_TABLES)}
    constraints = (await connection.execute(sa.text(_CONSTRAINTS), tables)).all()
    keys = [each for each in constraints if each.kind != "f"]
    references = [each for each in constraints if each.kind == "f"]
    for each in (*references, *keys):
        await connection.execute(sa.text(f'ALTER TABLE {each.at} DROP CONSTRAINT "{each.name}"'))
    indexes = (await connection.execute(sa.text(_INDEXES), tables)).all()
    for each in indexes:
        await connection.execute(sa.text(f'DROP INDEX "{each.name}"'))
    return [
        *(f'ALTER TABLE {one.at} ADD CONSTRAINT "{one.name}" {one.definition}' for one in keys),
        *(one.definition for one in indexes),
        # what was copied need not be looked at again
        *(
            f'ALTER TABLE {one.at} ADD CONSTRAINT "{one.name}" {one.definition} NOT VALID'
            for one in references
        ),
    ]


async def _copy_table(connection: AsyncConnection, table: str, times: int) -> None:
    """Write a table anew from its copy `base`: the oldest rows first."""
    found = await connection.execute(
        sa.text(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_name = :table AND table_schema = 'public'"
        ),
        {"table": table},
    )
    columns: dict[str, str] = {row.column_name: row.data_type for row in found}
    values = ", ".join(_value(table, name, kind, times) for name, kind in columns.items())
    sources = [f"generate_series({times - 1}, 0, -1) AS k", "base"]
    if table in _OF_INSTANCES:
        sources.append(f"generate_series(0, {IMAGES_IN_PLACE - 1}) AS j")
    names = ", ".join(f'"{name}"' for name in columns)
    last = "SELECT max(sequence) FROM base" if table == "journal_event" else "SELECT 0"
    rows = f"SELECT {values} FROM {' CROSS JOIN '.join(sources)}"  # noqa: S608 - names of columns
    await connection.execute(sa.text(f"TRUNCATE {table}"))
    await connection.execute(
        sa.text(f"WITH last_of_base AS ({last}) INSERT INTO {table} ({names}) {rows}")
    )


def _value(table: str, name: str, kind: str, times: int) -> str:
    """Return the expression for a column of a copy; the copy of number 0 is the original."""
    column = f'base."{name}"'
    rows_before = f"({times - 1} - k) * (TABLE last_of_base)"
    special = {
        ("image_case", "subject"): f"({_id(f'{column}::uuid')})::text",
        ("journal_event", "subject"): (
            f"CASE WHEN base.case_id IS NULL THEN {_uid(column)} "
            f"ELSE ({_id(f'{column}::uuid')})::text END"
        ),
        ("journal_event", "sequence"): f"{column} + {rows_before}",
        ("dicom_instance", "instance_number"): f"{column} + {INSTANCES} * j",
    }
    by_kind = {
        "uuid": _id(column),
        "timestamp with time zone": f"{column} - k * interval '{SECONDS_OF_BASE} seconds'",
    }
    by_name = {
        **dict.fromkeys(("study_instance_uid", "series_instance_uid"), _uid(column)),
        **dict.fromkeys(
            _OF_ONE_IMAGE, f"{_uid(column)} || CASE j WHEN 0 THEN '' ELSE '.' || j END"
        ),
        **dict.fromkeys(_NAMES, f"{column} || CASE k WHEN 0 THEN '' ELSE k::text END"),
    }
    return special.get((table, name)) or by_kind.get(kind) or by_name.get(name, column)


def _uid(column: str) -> str:
    other = f"replace({column}, '.498.77.', '.498.77' || k || '.')"
    return f"CASE k WHEN 0 THEN {column} ELSE {other} END"


def _id(column: str) -> str:
    """Return a UUIDv7 that is as much older as the copy."""
    digits = f"replace({column}::text, '-', '')"
    moment = (
        f"('x' || substr({digits}, 1, 12))::bit(48)::bigint - k * {SECONDS_OF_BASE * 1000}::bigint"
    )
    return f"(lpad(to_hex({moment}), 12, '0') || substr({digits}, 13))::uuid"
