"""Pages of lists: `limit` and `after` in, a `Link` header to the next page out (RFC 8288).

Without `limit` a list answers whole, as the contract's clients expect it.
"""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from exam_manager.paging import Page
from scanhub_libraries.models.fields import ShortText

MOST = 1000
Limit = Annotated[
    int | None, Query(ge=1, le=MOST, description="At most so many; the Link header has the next")
]


async def _page_by_id(
    limit: Limit = None,
    after: Annotated[UUID | None, Query(description="Go on after this one")] = None,
) -> Page[UUID]:
    return Page(limit, after)


async def _page_by_name(
    limit: Limit = None,
    after: Annotated[ShortText | None, Query(description="Go on after this one")] = None,
) -> Page[str]:
    return Page(limit, after)


PageDep = Annotated[Page[UUID], Depends(_page_by_id)]
NamedPageDep = Annotated[Page[str], Depends(_page_by_name)]
