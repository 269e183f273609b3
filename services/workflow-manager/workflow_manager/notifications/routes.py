"""Routes of notifications."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from scanhub_libraries.models import (
    NotificationOut,
    NotificationPreview,
    NotificationPreviewIn,
    NotificationSettings,
    NotificationTest,
    NotificationTestIn,
)
from scanhub_libraries.openapi import may_answer
from scanhub_libraries.web import SessionDep
from workflow_manager.notifications import preview, repository, service
from workflow_manager.notifications.rules import NotificationEvent, NotificationStatus

router = APIRouter(prefix="/api/v1/workflowmanager/notifications", tags=["notifications"])


@router.get("", summary="List what people and programs were told")
async def list_notifications(
    session: SessionDep,
    case_id: UUID | None = None,
    status: NotificationStatus | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[NotificationOut]:
    """Return notifications, newest first, with the reason where one waits or failed."""
    rows = await repository.list_notifications(
        session, case_id=case_id, status=status, after=after, limit=limit
    )
    return [service.describe(row) for row in rows]


@router.post("/{notification_id}/retry", summary="Send now what waits or failed")
async def retry_notification(
    request: Request, session: SessionDep, notification_id: UUID
) -> NotificationOut:
    """Make the next attempt at once, with the templates of the rule as they are by now."""
    row = await service.retry_now(request.app.state.wiring, session, notification_id)
    return service.describe(row)


@router.post(
    "/test", summary="Send a sample to everybody whom a rule tells", responses=may_answer(404)
)
async def test_notification(
    request: Request, session: SessionDep, wanted: NotificationTestIn
) -> list[NotificationTest]:
    """Send it once and say for each recipient what failed; no patient is named."""
    options = await service.options_of(session, wanted.rule)
    await session.commit()  # a server that does not answer must not hold a transaction open
    settings = request.app.state.wiring.settings
    event = NotificationEvent(wanted.event)
    return await service.try_out(settings, wanted.rule, options, event)


@router.post("/preview", summary="Show what the messages of a rule would say")
async def preview_notifications(
    request: Request, wanted: NotificationPreviewIn
) -> list[NotificationPreview]:
    """Fill in the templates of a rule as it is being written, about a sample; nothing is sent."""
    settings = request.app.state.wiring.settings
    return await preview.preview(settings, wanted.rule, NotificationEvent(wanted.event))


@router.get("/settings", summary="Tell how messages leave this server")
async def get_notification_settings(request: Request) -> NotificationSettings:
    """Return what was set when the server was started, without secrets."""
    return preview.describe_settings(request.app.state.wiring.settings)
