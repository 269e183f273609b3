"""The record in full: protocols, versions, audit, tree revisions, logins that can be listed.

Revision ID: 0002
Revises: 0001
"""

import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _exams()
    _tasks_and_results()
    _sequences()
    _patients()
    _accounts()
    _audit()


def _exams() -> None:
    op.add_column("exam", sa.Column("scheduled_on", sa.Date(), nullable=True))
    op.add_column("exam", sa.Column("day", sa.Date(), nullable=False, server_default="1970-01-01"))
    op.add_column(
        "exam", sa.Column("revision", sa.BigInteger(), nullable=False, server_default="1")
    )
    op.add_column("exam", sa.Column("search_text", sa.Text(), nullable=False, server_default=""))
    op.add_column("exam", sa.Column("accession_folded", sa.Text(), nullable=True))
    op.add_column("exam", sa.Column("template_id", sa.Uuid(), nullable=True))
    op.add_column("exam", sa.Column("template_version", sa.Integer(), nullable=True))
    op.add_column("exam", sa.Column("protocol_id", sa.Uuid(), nullable=True))
    op.add_column("exam", sa.Column("protocol_version", sa.Integer(), nullable=True))
    op.add_column("exam", sa.Column("released_at", TIME, nullable=True))
    op.add_column("exam", sa.Column("released_by", sa.String(length=200), nullable=True))
    op.add_column("exam", sa.Column("release_comment", sa.Text(), nullable=True))
    op.add_column("exam", sa.Column("retired_at", TIME, nullable=True))
    op.create_index("ix_exam_scheduled_on", "exam", ["scheduled_on"])
    op.create_index("ix_exam_is_template_day_id", "exam", ["is_template", "day", "id"])
    op.create_index("ix_exam_template_id", "exam", ["template_id"])
    op.create_index(
        "ix_exam_protocol_id_protocol_version",
        "exam",
        ["protocol_id", "protocol_version"],
        unique=True,
    )
    _fill("exam", ["name", "description"], "search_text", " ".join)
    _fill("exam", ["accession_number"], "accession_folded", " ".join)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("UPDATE exam SET day = CAST(datetime_created AT TIME ZONE 'UTC' AS DATE)")
    else:
        op.execute("UPDATE exam SET day = date(datetime_created)")
    op.execute("UPDATE exam SET protocol_id = id, protocol_version = 1 WHERE is_template")


def _tasks_and_results() -> None:
    op.add_column("task", sa.Column("template_id", sa.Uuid(), nullable=True))
    op.add_column("task", sa.Column("template_values", sa.JSON(), nullable=True))
    op.add_column("result", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("result", sa.Column("datetime_updated", TIME, nullable=True))


def _sequences() -> None:
    op.add_column(
        "sequence", sa.Column("version", sa.Integer(), nullable=False, server_default="1")
    )
    op.add_column(
        "sequence",
        sa.Column("lineage_id", sa.String(length=36), nullable=False, server_default=""),
    )
    op.add_column(
        "sequence", sa.Column("lineage_version", sa.Integer(), nullable=False, server_default="1")
    )
    op.add_column(
        "sequence", sa.Column("search_text", sa.Text(), nullable=False, server_default="")
    )
    op.execute("UPDATE sequence SET lineage_id = id")
    _sequence_search_text()
    op.create_index(
        "ix_sequence_lineage_id_lineage_version",
        "sequence",
        ["lineage_id", "lineage_version"],
        unique=True,
    )
    op.create_index("ix_sequence_sha256", "sequence", ["sha256"])


def _sequence_search_text() -> None:
    """Fill what `sequences.rules.search_text` makes of new rows."""
    names = ("name", "description", "sequence_type")
    table = sa.table(
        "sequence",
        *(sa.column(name, sa.String()) for name in ("id", *names, "search_text")),
        sa.column("tags", sa.JSON()),
    )
    connection = op.get_bind()
    columns = (table.c.id, table.c.tags, *(table.c[name] for name in names))
    for row in connection.execute(sa.select(*columns)).all():
        said = " ".join(getattr(row, name) for name in names).replace("\x1f", " ")
        text = _folded("\x1f".join([said, *row.tags, ""]))
        connection.execute(sa.update(table).where(table.c.id == row.id).values(search_text=text))


def _patients() -> None:
    op.add_column("patient", sa.Column("patient_id", sa.String(length=64), nullable=True))
    op.add_column("patient", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("patient", sa.Column("patient_id_folded", sa.Text(), nullable=True))
    op.create_index("ix_patient_patient_id_folded", "patient", ["patient_id_folded"], unique=True)
    _fill("patient", ["first_name", "last_name"], "search_text", _names)
    op.create_index("ix_patient_birth_date", "patient", ["birth_date"])


def _names(names: Sequence[str]) -> str:
    first, last = names
    return f"{first} {last} {first}"


def _fill(
    name: str, sources: list[str], target: str, text_of: Callable[[Sequence[str]], str]
) -> None:
    """Fill what `exam_manager.searching.folded` makes of new rows: no database can."""
    connection = op.get_bind()
    columns = [sa.column(column, sa.String()) for column in (*sources, target)]
    table = sa.table(name, sa.column("id", sa.Uuid()), *columns)
    given: list[Any] = [table.c[column] for column in sources]
    filled = sa.select(table.c.id, *given).where(*(column.is_not(None) for column in given))
    update = sa.update(table).where(table.c.id == sa.bindparam("row"))
    rows = [
        {"row": identifier, "text": _folded(text_of(texts))}
        for identifier, *texts in connection.execute(filled).all()
    ]
    if rows:
        connection.execute(update.values({target: sa.bindparam("text")}), rows)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _accounts() -> None:
    op.add_column("account", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column(
        "account",
        sa.Column("must_change_password", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("account", sa.Column("password_changed_at", TIME, nullable=True))
    op.add_column(
        "account", sa.Column("failed_logins", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("account", sa.Column("locked_until", TIME, nullable=True))
    op.add_column(
        "login_session",
        sa.Column("address", sa.String(length=64), nullable=False, server_default=""),
    )
    op.add_column(
        "login_session",
        sa.Column("user_agent", sa.String(length=200), nullable=False, server_default=""),
    )
    op.create_table(
        "known_address",
        sa.Column("username", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("last_login_at", TIME, nullable=False),
        sa.Column("failed_logins", sa.Integer(), nullable=False),
        sa.Column("locked_until", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["username"],
            ["account.username"],
            name=op.f("fk_known_address_username_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("username", "address", name=op.f("pk_known_address")),
    )


def _audit() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("actor", sa.String(length=256), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("correlation_id", sa.String(length=64), nullable=True),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject_type", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.String(length=200), nullable=False),
        sa.Column("exam_id", sa.Uuid(), nullable=True),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index("ix_audit_entry_exam_id_id", "audit_entry", ["exam_id", "id"])
    op.create_index("ix_audit_entry_patient_id_id", "audit_entry", ["patient_id", "id"])
    op.create_index("ix_audit_entry_subject_id_id", "audit_entry", ["subject_id", "id"])
    op.create_index("ix_audit_entry_actor_id", "audit_entry", ["actor", "id"])


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
