"""Settings are read at the start: what differs from the start before is a new version."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from pydantic_settings import BaseSettings
from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.database import transaction
from scanhub_libraries.events import EventType
from scanhub_libraries.models.setting import SettingsOut
from scanhub_libraries.told_settings import tell_settings
from workflow_manager.changes import changes_between
from workflow_manager.history import History
from workflow_manager.journal.service import append, own_event
from workflow_manager.settings_history.models import SettingsVersion
from workflow_manager.wiring import Wiring

HISTORY = History(SettingsVersion, "the settings of")
SET, NOT_SET = "set, not shown", "not set"
"""What stands in the place of a secret."""


def history_name(title: str, wiring: Wiring) -> str:
    """Return under which name the settings of a program are kept.

    Several servers of one installation may be set to different things.
    """
    return title if wiring.presence.is_alone else f"{title} of {wiring.engine.name}"


def document_of(told: SettingsOut) -> dict[str, Any]:
    """Return what a program is set to, by variable."""
    return {
        one.variable: (SET if one.is_set else NOT_SET) if one.secret else one.value
        for one in told.settings
    }


async def note_settings(wiring: Wiring, programs: Mapping[str, BaseSettings]) -> None:
    """Write down what the programs of this process are set to, where that differs."""
    async with transaction(wiring.sessions) as session:
        for title, settings in programs.items():
            document = document_of(tell_settings(title, settings))
            await _note(session, history_name(title, wiring), document)


async def _note(session: AsyncSession, name: str, document: dict[str, Any]) -> None:
    number = await HISTORY.last_version(session, name)
    before = (await HISTORY.get_version(session, name, number)).document if number else {}
    if number and before == document:
        return
    release = version("workflow-manager")
    session.add(SettingsVersion(name=name, version=number + 1, document=document, release=release))
    await session.flush()
    if not number:
        return
    changed = [change.field for change in changes_between(before, document)]
    told = {"name": name, "version": number + 1, "changed": changed}
    await append(session, [own_event(EventType.SETTINGS_CHANGED, name, told)])
