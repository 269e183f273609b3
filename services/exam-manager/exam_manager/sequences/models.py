"""Table: sequences. The files lie in the lake."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from exam_manager.database import Table
from scanhub_libraries.database import JSONDocument, UtcDateTime


class Sequence(Table, table=True):
    """A Pulseq sequence."""

    __tablename__ = "sequence"
    __table_args__ = (
        sa.Index(
            "ix_sequence_lineage_id_lineage_version", "lineage_id", "lineage_version", unique=True
        ),
    )

    id: str = Field(primary_key=True, max_length=36)
    name: str = Field(max_length=200)
    description: str = Field(default="", sa_type=sa.Text)
    sequence_type: str = Field(default="", max_length=200)
    tags: list[str] = Field(default_factory=list, sa_type=JSONDocument)
    seq_file_extension: str = Field(max_length=16)
    xml_file_extension: str | None = Field(default=None, max_length=16)
    sha256: str = Field(max_length=64, index=True)
    size_bytes: int = Field(sa_type=sa.BigInteger)
    facts: dict[str, Any] = Field(sa_type=JSONDocument)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = 1
    """Counts the edits of what people say of it; the file never changes."""
    lineage_id: str = Field(max_length=36)
    """Id of the first version: what the versions of one sequence have in common."""
    lineage_version: int = 1
    search_text: str = Field(default="", sa_type=sa.Text)
    """What people say of it, case-folded; each tag stands between unit separators."""
