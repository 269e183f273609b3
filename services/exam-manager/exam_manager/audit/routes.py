"""HTTP: timelines and the audit trail."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from exam_manager.audit import service
from exam_manager.audit.service import AuditQuery
from exam_manager.dependencies import DisclosuresDep, SessionsDep
from exam_manager.pages import PageDep
from exam_manager.paging import Page
from scanhub_libraries.models import AuditEntryOut
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.web import SessionDep

router = APIRouter(tags=["audit"])


_FIRST, _END = datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
Moment = Annotated[AwareDatetime, Query(ge=_FIRST, lt=_END)]
"""Far enough from the ends of the calendar to reckon with in any time zone."""


class Order(StrEnum):
    """Which entries come first."""

    NEWEST = "newest"
    OLDEST = "oldest"


OrderParam = Annotated[Order, Query(description="Which entries come first")]


async def _bounded(page: PageDep) -> Page[UUID]:
    return Page(page.limit or service.USUAL, page.after)


BoundedPageDep = Annotated[Page[UUID], Depends(_bounded)]


async def _asked(
    *,
    actor: Annotated[ShortText | None, Query(examples=["user:ada"])] = None,
    action: Annotated[ShortText | None, Query(examples=["patient.updated"])] = None,
    subject: Annotated[ShortText | None, Query(description="Id of what was changed")] = None,
    since: Annotated[Moment | None, Query(alias="from", description="Not before")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="Before")] = None,
    order: OrderParam = Order.NEWEST,
) -> AuditQuery:
    return AuditQuery(
        actor=actor,
        action=action,
        subject=subject,
        since=since,
        until=until,
        newest_first=order is Order.NEWEST,
    )


AskedDep = Annotated[AuditQuery, Depends(_asked)]


@router.get("/api/v1/exam/{exam_id}/timeline", summary="What happened to an exam")
async def get_exam_timeline(
    *,
    exam_id: UUID,
    session: SessionDep,
    page: BoundedPageDep,
    request: Request,
    response: Response,
    order: OrderParam = Order.NEWEST,
) -> list[AuditEntryOut]:
    """Return every change of an exam and of all below it, also after it was deleted."""
    query = AuditQuery(exam_id=exam_id, newest_first=order is Order.NEWEST)
    found = await service.read_timeline(session, query, after=page.after, fetch=page.fetch)
    return page.cut(found, lambda entry: entry.id, request, response)


@router.get("/api/v1/patient/{patient_id}/timeline", summary="What happened to a patient's record")
async def get_patient_timeline(
    *,
    patient_id: UUID,
    session: SessionDep,
    page: BoundedPageDep,
    request: Request,
    response: Response,
    order: OrderParam = Order.NEWEST,
) -> list[AuditEntryOut]:
    """Return every change of a patient and of all their exams, also after they were deleted.

    That data left the house is told: downloads, exports, what was sent. Reading is not.
    """
    query = AuditQuery(patient_id=patient_id, newest_first=order is Order.NEWEST)
    found = await service.read_timeline(session, query, after=page.after, fetch=page.fetch)
    return page.cut(found, lambda entry: entry.id, request, response)


@router.get("/api/v1/userlogin/audit", summary="The audit trail")
async def list_audit_entries(
    query: AskedDep,
    session: SessionDep,
    page: BoundedPageDep,
    request: Request,
    response: Response,
) -> list[AuditEntryOut]:
    """Return the changes of the whole installation's record, and the logins."""
    found = await service.read_entries(session, query, after=page.after, fetch=page.fetch)
    return page.cut(found, lambda entry: entry.id, request, response)


@router.get(
    "/api/v1/userlogin/audit.csv",
    summary="The audit trail as a file",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}}},
)
async def export_audit_entries(
    query: AskedDep, sessions: SessionsDep, disclosures: DisclosuresDep
) -> StreamingResponse:
    """Return the changes as CSV for a spreadsheet; no cell is taken for a formula.

    The export has an entry of its own.
    """
    await disclosures.tell(query.disclosure())
    return _download(service.write_csv(sessions, query), "audit.csv", "text/csv; charset=utf-8")


@router.get(
    "/api/v1/userlogin/audit.jsonl",
    summary="The audit trail as JSON lines",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}}},
)
async def export_audit_lines(
    query: AskedDep, sessions: SessionsDep, disclosures: DisclosuresDep
) -> StreamingResponse:
    """Return the changes as JSON lines for a program: one entry each, nothing cut or quoted.

    The export has an entry of its own.
    """
    await disclosures.tell(query.disclosure())
    return _download(
        service.write_json_lines(sessions, query), "audit.jsonl", "application/x-ndjson"
    )


def _download(lines: AsyncIterator[str], name: str, media_type: str) -> StreamingResponse:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(lines, media_type=media_type, headers=headers)
