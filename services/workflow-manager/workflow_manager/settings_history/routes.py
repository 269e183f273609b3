"""What this installation is set to, and was."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic_settings import BaseSettings

from scanhub_libraries.models import ParameterChange
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.models.setting import SettingsOut, SettingsVersionOut
from scanhub_libraries.told_settings import tell_settings
from scanhub_libraries.version_parameters import (
    AfterVersion,
    EarlierVersion,
    LaterVersion,
    VersionLimit,
)
from scanhub_libraries.web import SessionDep
from workflow_manager.settings_history.service import HISTORY, history_name

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["health"])
Program = Annotated[ShortText, Path(description="`history` of the program in `GET /settings`")]


@router.get("/settings", summary="What this installation is set to")
async def get_settings(request: Request) -> list[SettingsOut]:
    """Return the settings of each program of this process and where they are from, no secrets."""
    told: dict[str, BaseSettings] = request.app.state.settings_told
    wiring = request.app.state.wiring
    return [
        tell_settings(title, settings).model_copy(update={"history": history_name(title, wiring)})
        for title, settings in told.items()
    ]


@router.get("/settings/{program}/versions", summary="List what a program was set to")
async def list_settings_versions(
    session: SessionDep, program: Program, limit: VersionLimit = 50, after: AfterVersion = None
) -> list[SettingsVersionOut]:
    """Return since when the settings are as they are, and were as they were, newest first."""
    rows = await HISTORY.list_versions(session, program, limit=limit, before=after)
    return [SettingsVersionOut.model_validate(row, from_attributes=True) for row in rows]


@router.get("/settings/{program}/diff", summary="Compare two versions of settings")
async def compare_settings_versions(
    session: SessionDep, program: Program, before: EarlierVersion, after: LaterVersion
) -> list[ParameterChange]:
    """Return each variable that differs, with both values; of secrets only whether they are set."""
    return await HISTORY.compare(session, program, before, after)
