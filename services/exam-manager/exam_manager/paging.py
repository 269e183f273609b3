"""A page of a list: which part is asked for, and the way to the next. No FastAPI here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.errors import BadRequestError

Key = TypeVar("Key", UUID, str)
Item = TypeVar("Item")


class Asked(Protocol):
    """The request for a list, as far as its link to the next page needs it."""

    @property
    def url(self) -> Any:
        """Has a path."""

    @property
    def query_params(self) -> Any:
        """Has multi_items()."""


class Answered(Protocol):
    """The answer that gets the link."""

    @property
    def headers(self) -> Any:
        """A mapping that takes the link."""


Order = Sequence[sa.ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class Page(Generic[Key]):
    """Which part of a list is asked for."""

    limit: int | None = None
    after: Key | None = None

    @property
    def fetch(self) -> int | None:
        """How many rows to read: one more than is shown tells whether there are more."""
        return None if self.limit is None else self.limit + 1

    @property
    def whole(self) -> bool:
        """Whether the list is asked for as the contract has it, all of it."""
        return self.limit is None and self.after is None

    def bounded(self, most: int) -> "Page[Key]":
        """Return a page that has a limit: for lists that are ours, not the contract's."""
        return self if self.limit is not None else Page(most, self.after)

    async def select(
        self, session: AsyncSession, query: sa.Select[Any], order: Order, *, backwards: bool = False
    ) -> sa.Select[Any]:
        """Return the query of this page: in order, after the item named, no longer than needed.

        Args:
            session: The transaction.
            query: Selects the whole list.
            order: Columns of one table that hold no NULL, its `id` last.
            backwards: The greatest first.

        Raises:
            BadRequestError: The item to go on after is gone.
        """
        query = query.order_by(*(column.desc() if backwards else column for column in order))
        if self.after is not None:
            found = await session.execute(sa.select(*order).where(order[-1] == self.after))
            last = found.one_or_none()
            if last is None:
                raise BadRequestError(
                    f"after: there is no {self.after} any more; begin again without it.",
                    field="after",
                )
            values = zip(last, order, strict=True)
            here = sa.tuple_(*(sa.literal(value, column.type) for value, column in values))
            query = query.where(sa.tuple_(*order) < here if backwards else sa.tuple_(*order) > here)
        return query.limit(self.fetch)

    def cut(
        self,
        items: Sequence[Item],
        key_of: Callable[[Item], Key],
        request: Asked,
        response: Answered,
    ) -> list[Item]:
        """Return the items of this page, and link to the next one if there is one.

        Args:
            items: What was read, at most `fetch`.
            key_of: Returns the key of an item that `after` takes.
            request: Where the list was asked for.
            response: Gets the header.
        """
        if self.limit is None or len(items) <= self.limit:
            return list(items)
        shown: list[Item] = list(items[: self.limit])
        kept: list[tuple[str, str]] = [
            pair for pair in request.query_params.multi_items() if pair[0] != "after"
        ]
        following = urlencode([*kept, ("after", str(key_of(shown[-1])))])
        response.headers["Link"] = f'<{request.url.path}?{following}>; rel="next"'
        return shown
