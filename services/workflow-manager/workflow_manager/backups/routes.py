"""Routes of backups by request."""

from fastapi import APIRouter, Request

from scanhub_libraries.models.backup import BackupsOut
from scanhub_libraries.web import PrincipalDep
from workflow_manager.backups.desk import BackupDesk

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["backups"])


def _desk(request: Request) -> BackupDesk:
    desk: BackupDesk = request.app.state.backups
    return desk


@router.get("/backups", summary="List backups, and say whether one is being made")
async def list_backups(request: Request) -> BackupsOut:
    """Return the whole backups, and how the one by request goes, or went at this server."""
    return await _desk(request).describe()


@router.post("/backups", status_code=202, summary="Begin a backup")
async def begin_backup(request: Request, principal: PrincipalDep) -> BackupsOut:
    """Begin a backup of databases, files and keys; scans and images go on meanwhile."""
    return await _desk(request).begin(principal.actor)
