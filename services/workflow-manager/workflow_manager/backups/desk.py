"""Makes a backup in a process of its own when it is asked for, and knows how it goes."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from scanhub_libraries.clock import utc_now
from scanhub_libraries.database import Sessions, transaction
from scanhub_libraries.errors import ConflictError, NotImplementedHereError
from scanhub_libraries.events import EventType
from scanhub_libraries.logging import get_logger
from scanhub_libraries.measures import Measure
from scanhub_libraries.models.backup import BackupOut, BackupsOut, BackupWorkOut
from workflow_manager.journal.service import append, own_event

logger = get_logger(__name__)
_OFF = "Backups by request are off: set SCANHUB_BACKUP_DIR to a folder on another disk or machine."
_SHOWN = 100
_END_S = 10.0


class BackupPlace(Protocol):
    """Where backups are, and what makes one."""

    folder: Path
    command: Sequence[str]
    """It writes an object of JSON a line: `step`, and at the end `backup`."""
    environment: dict[str, str]

    def list(self) -> list[BackupOut]:
        """Return the whole backups, the oldest first. Blocking."""
        ...


class BackupDesk:
    """Makes one backup at a time.

    Args:
        place: Where backups are; None: nowhere.
        sessions: For the journal.
    """

    def __init__(self, place: BackupPlace | None, sessions: Sessions) -> None:
        self._place = place
        self._sessions = sessions
        self._task: asyncio.Task[None] | None = None
        self._process: Process | None = None
        self._work = BackupWorkOut(state="idle")

    async def describe(self) -> BackupsOut:
        """Return the backups, and how the one goes that is being made."""
        if self._place is None:
            return BackupsOut(enabled=False, detail=_OFF, work=self._work)
        found = await asyncio.to_thread(self._place.list)
        return BackupsOut(
            enabled=True,
            folder=str(self._place.folder),
            work=self._work,
            backups=found[::-1][:_SHOWN],
        )

    async def begin(self, actor: str) -> BackupsOut:
        """Begin a backup.

        Args:
            actor: Who asks for it.

        Raises:
            NotImplementedHereError: Nobody said where to.
            ConflictError: One is being made.
        """
        if self._place is None:
            raise NotImplementedHereError(_OFF)
        if self._task is not None and not self._task.done():
            raise ConflictError("A backup is being made: wait until it has ended.")
        self._work = BackupWorkOut(state="running", started_by=actor, started_at=utc_now())
        self._task = asyncio.create_task(self._make(self._place, actor), name="backup by request")
        return await self.describe()

    async def stop(self) -> None:
        """End a backup that is being made: it does not count."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def measure(self) -> Iterable[Measure]:
        """Return what Prometheus is told."""
        if self._place is None:
            return []
        found = await asyncio.to_thread(self._place.list)
        if not found:
            return []
        age = (utc_now() - found[-1].taken_at).total_seconds()
        return [Measure("scanhub_backup_age_seconds", "Age of the newest backup", {"": age})]

    async def _make(self, place: BackupPlace, actor: str) -> None:
        began = utc_now()
        try:
            made, detail = await self._run(place)
        except OSError as error:
            made, detail = None, str(error)
        ended: dict[str, Any] = {"started_by": actor, "started_at": began, "ended_at": utc_now()}
        state = "made" if made is not None else "failed"
        await self._tell(made, detail, actor=actor, began=began)
        self._work = BackupWorkOut(state=state, detail=detail, **ended)

    async def _tell(
        self, made: dict[str, Any] | None, detail: str, *, actor: str, began: datetime
    ) -> None:
        """Write the end into the journal."""
        data: dict[str, Any] = {"began_at": began.isoformat()}
        if made is None:
            logger.error("the backup failed", detail=detail)
            kind, subject = EventType.BACKUP_FAILED, "backup"
            data["detail"] = detail
        else:
            kind, subject = EventType.BACKUP_MADE, str(made["name"])
            data |= {name: made[name] for name in ("files", "bytes", "new_bytes", "missing_files")}
        async with transaction(self._sessions) as session:
            await append(session, [own_event(kind, subject, data, actor=actor)])

    async def _run(self, place: BackupPlace) -> tuple[dict[str, Any] | None, str]:
        """Run the command; return the backup, or None and why there is none."""
        process = self._process = await asyncio.create_subprocess_exec(
            *place.command, env=place.environment, stdout=PIPE, stderr=PIPE, start_new_session=True
        )
        try:
            made, (error, code) = await asyncio.gather(self._follow(process), _end_of(process))
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _END_S)
            raise
        if code == 0 and made is not None:
            return made, ""
        return None, error or f"It ended with code {code}."

    async def _follow(self, process: Process) -> dict[str, Any] | None:
        """Note what it says."""
        made = None
        while process.stdout is not None and (line := await process.stdout.readline()):
            said = json.loads(line)
            made = said.get("backup", made)
            if "step" in said:
                self._work = self._work.model_copy(update={"step": said["step"]})
        return made


async def _end_of(process: Process) -> tuple[str, int]:
    said = await process.stderr.read() if process.stderr is not None else b""
    return said.decode(errors="replace").strip()[-2000:], await process.wait()
