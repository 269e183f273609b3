"""What this installation is set to."""

from fastapi import APIRouter, Request
from pydantic_settings import BaseSettings

from scanhub_libraries.models.setting import SettingsOut
from scanhub_libraries.told_settings import tell_settings

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["health"])


@router.get("/settings", summary="What this installation is set to")
async def get_settings(request: Request) -> list[SettingsOut]:
    """Return the settings of each program of this process and where they are from, no secrets."""
    told: dict[str, BaseSettings] = request.app.state.settings_told
    return [tell_settings(title, settings) for title, settings in told.items()]
