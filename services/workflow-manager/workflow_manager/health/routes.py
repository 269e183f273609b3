"""The health page."""

from fastapi import APIRouter, Request

from scanhub_libraries.models.health import HealthDetail
from workflow_manager.health.service import Health

router = APIRouter(prefix="/api/v1/workflowmanager/health", tags=["health"])


@router.get("/detail", summary="Look at every queue, target, listener and disk")
async def health_detail(request: Request) -> HealthDetail:
    """Return the state of each part, in words and numbers, and that of the worst one."""
    health: Health = request.app.state.health
    return await health.detail()
