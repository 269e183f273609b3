"""What an older version noted as sent stays sent, and goes back with it."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
import sqlalchemy as sa
from alembic import command

from scanhub_libraries.database import sqlite_url
from scanhub_libraries.migrate import alembic_config

SERIES, DISPATCH, OTHER = (UUID(int=number) for number in (1, 2, 3))
TABLES = ["dicom_study", "dicom_series", "dispatch"]


@pytest.fixture(params=["sqlite", "postgresql"])
def older(request, tmp_path):
    """The database of the version before, and how to get at it."""
    if request.param == "postgresql":
        url = request.getfixturevalue("make_postgresql_url")()
    else:
        url = sqlite_url(tmp_path / "old.sqlite")
    config = alembic_config("workflow_manager", url)
    command.upgrade(config, "0018")
    plain = url.replace("+aiosqlite", "").replace("+asyncpg", "+psycopg")
    engine = sa.create_engine(plain)
    yield engine, config
    engine.dispose()


def rows(engine):
    """Return the dispatches, by id."""
    with engine.connect() as connection:
        query = sa.text("SELECT * FROM dispatch ORDER BY id")
        return {UUID(str(row["id"])): row for row in connection.execute(query).mappings()}


def as_document(value):
    return json.loads(value) if isinstance(value, str) else value


def insert(connection, table, **values):
    """Insert a row; what must not be empty and is not given is as little as can be."""
    row = {column.name: least(column) for column in table.c if not column.nullable} | values
    sqlite = connection.dialect.name == "sqlite"
    row = {n: v.hex if sqlite and isinstance(v, UUID) else v for n, v in row.items()}
    connection.execute(table.insert(), row)


def least(column):
    kind = column.type
    if isinstance(kind, sa.DateTime):
        return datetime(2026, 1, 1, tzinfo=UTC)
    if isinstance(kind, sa.JSON):
        return {}
    return "" if isinstance(kind, sa.String) else 0


def test_lists_become_rows_and_numbers_and_lists_again(older):
    engine, config = older
    metadata = sa.MetaData()
    metadata.reflect(engine, only=TABLES)
    study, series, dispatch = map(metadata.tables.get, TABLES)
    with engine.begin() as connection:
        insert(connection, study, study_instance_uid="1")
        insert(connection, series, id=SERIES, study_instance_uid="1")
        row = {"series_id": SERIES, "priority": "normal", "status": "waiting"}
        lists = {"sent": {"1.2.1": 1, "1.2.2": 2}, "stored": {"1.2.3": 3}}
        insert(connection, dispatch, id=DISPATCH, **row, **lists)
        insert(connection, dispatch, id=OTHER, **row)
    command.upgrade(config, "0019")
    assert [(r["sent"], r["stored"]) for r in rows(engine).values()] == [(2, 1), (0, 0)]
    with engine.connect() as connection:
        query = "SELECT sop_instance_uid, attempt, confirmed FROM dispatched_instance ORDER BY 1"
        kept = [(row[0], row[1], bool(row[2])) for row in connection.exec_driver_sql(query)]
    assert kept == [("1.2.1", 1, True), ("1.2.2", 2, True), ("1.2.3", 3, False)]
    command.downgrade(config, "0018")
    back = rows(engine)[DISPATCH]
    assert as_document(back["sent"]) == {"1.2.1": 1, "1.2.2": 2}
    assert as_document(back["stored"]) == {"1.2.3": 3}
