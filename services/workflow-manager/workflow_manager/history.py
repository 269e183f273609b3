"""Histories of what people configure, by name: each change is a version, deleted or not.

A history goes on when something of the same name is made again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import sqlalchemy as sa
from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from scanhub_libraries.errors import NotFoundError, UnprocessableError
from scanhub_libraries.models import ParameterChange
from workflow_manager.changes import changes_between


class Version(Protocol):
    """A row of a history."""

    name: str
    version: int
    document: dict[str, Any]


Row = TypeVar("Row", bound=Version)
Document = TypeVar("Document", bound=BaseModel)


def read_again(model: type[Document], document: dict[str, Any], version: int) -> Document:
    """Return what an older version says, as it is asked for today.

    Raises:
        UnprocessableError: What was valid then is so no more.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        fields = sorted({".".join(map(str, item["loc"])) for item in error.errors()})
        raise UnprocessableError(
            f"Version {version} is not valid any more: {', '.join(fields)}.", field="version"
        ) from error


@dataclass(frozen=True, slots=True)
class History(Generic[Row]):
    """The versions of one kind of thing.

    Args:
        table: Where they are.
        noun: What has versions, as people call it.
    """

    table: type[Row]
    noun: str

    async def last_version(self, session: AsyncSession, name: str) -> int:
        """Return the number of the newest version, deleted ones too; 0: there was none."""
        table: Any = self.table
        query = select(sa.func.max(col(table.version))).where(col(table.name) == name)
        return await session.scalar(query) or 0

    async def list_versions(
        self, session: AsyncSession, name: str, *, limit: int, before: int | None
    ) -> Sequence[Row]:
        """Return versions, newest first; also of what was deleted."""
        table: Any = self.table
        query = select(table).where(col(table.name) == name)
        if before is not None:
            query = query.where(col(table.version) < before)
        query = query.order_by(col(table.version).desc()).limit(limit)
        return (await session.scalars(query)).all()

    async def get_version(self, session: AsyncSession, name: str, version: int) -> Row:
        """Return one version.

        Raises:
            NotFoundError: There is none of this number.
        """
        table: Any = self.table
        query = select(table).where(col(table.name) == name, col(table.version) == version)
        found: Row | None = await session.scalar(query)
        if found is None:
            raise NotFoundError(f"There is no version {version} of {self.noun} {name[:200]!r}.")
        return found

    async def compare(
        self, session: AsyncSession, name: str, before: int, after: int
    ) -> list[ParameterChange]:
        """Return each member in which two versions differ."""
        older = await self.get_version(session, name, before)
        newer = await self.get_version(session, name, after)
        return changes_between(older.document, newer.document)
