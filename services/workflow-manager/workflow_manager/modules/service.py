"""Modules: configured, changed, deleted, and back to what they were. Variables have no history."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import (
    ConflictError,
    NotFoundError,
    PayloadTooLargeError,
    StaleVersionError,
    UnprocessableError,
)
from scanhub_libraries.events import EventType
from scanhub_libraries.models.module import (
    ModuleIn,
    ModuleOut,
    ModulePersistence,
    ModuleVersionOut,
)
from workflow_manager.history import read_again
from workflow_manager.journal.service import append, own_event
from workflow_manager.modules import persistence
from workflow_manager.modules.models import Module, ModuleChange, ModuleVersion
from workflow_manager.modules.repository import HISTORY
from workflow_manager.routing_rules.references import check_unused
from workflow_manager.targets.secret_box import SecretBox

_VARIABLES = "environment"
_EVENTS = {
    ModuleChange.CREATED: EventType.MODULE_CREATED,
    ModuleChange.UPDATED: EventType.MODULE_UPDATED,
    ModuleChange.REVERTED: EventType.MODULE_UPDATED,
    ModuleChange.DELETED: EventType.MODULE_DELETED,
}


async def get_module(session: AsyncSession, name: str, *, lock: bool = False) -> Module:
    """Return a module; `lock` to change it."""
    module = await session.get(Module, name, with_for_update=lock, populate_existing=lock)
    if module is None:
        raise NotFoundError(f"There is no module {name[:100]!r}.")
    return module


def describe(module: Module, problems: Sequence[str] = ()) -> ModuleOut:
    """Return a module as it is told: with the names of its variables, never with a value."""
    told = {**_settings(module), **_stamps(module), "problems": list(problems)}
    return ModuleOut.model_validate(told)


def variables_of(module: Module, box: SecretBox) -> dict[str, str]:
    """Return the variables of a module with their values, for whoever runs it.

    Raises:
        UnavailableError: They were encrypted with another key.
    """
    return {name: box.open(text).get_secret_value() for name, text in module.sealed.items()}


def describe_version(row: ModuleVersion) -> ModuleVersionOut:
    """Return a version of a module as it is told."""
    return ModuleVersionOut.model_validate({**row.model_dump(), "change": row.change.value})


async def create_module(session: AsyncSession, wanted: ModuleIn, *, box: SecretBox) -> Module:
    """Configure a module.

    Raises:
        ConflictError: There is one of this name.
    """
    if await session.get(Module, wanted.name) is not None:
        raise ConflictError(f"There is a module {wanted.name!r} already.")
    module = Module(name=wanted.name, document={})
    module.version = 1 + await HISTORY.last_version(session, wanted.name)
    _fill(module, wanted, box)
    session.add(module)
    await session.flush()
    await _tell(session, ModuleChange.CREATED, module)
    return module


async def replace_module(
    session: AsyncSession,
    module: Module,
    wanted: ModuleIn,
    *,
    box: SecretBox,
    change: ModuleChange = ModuleChange.UPDATED,
    comment: str = "",
) -> Module:
    """Change a module; it keeps its name: rules refer to it.

    Args:
        session: The transaction.
        module: The module, locked.
        wanted: Its settings from now on.
        box: Encrypts its variables.
        change: How it comes about, for the history.
        comment: Why, for the history.
    """
    if wanted.name != module.name:
        raise ConflictError("A module keeps its name: make a new one and delete this one.")
    _fill(module, wanted, box)
    module.version += 1
    module.updated_at = utc_now()
    await session.flush()
    await _tell(session, change, module, comment)
    return module


async def delete_module(session: AsyncSession, module: Module) -> None:
    """Delete a module; its versions stay.

    Raises:
        ConflictError: A rule names it.
    """
    await check_unused(session, module.name)
    module.version += 1
    await _tell(session, ModuleChange.DELETED, module)
    await session.delete(module)
    await session.flush()


async def settings_of_version(session: AsyncSession, name: str, version: int) -> ModuleIn:
    """Return what an older version says, without its variables, to ask for it again.

    Raises:
        NotFoundError: There is no such version.
        UnprocessableError: What was valid then is so no more.
    """
    older = (await HISTORY.get_version(session, name, version)).document
    settings = {name: value for name, value in older.items() if name != _VARIABLES}
    return read_again(ModuleIn, settings, version)


async def revert_module(
    session: AsyncSession, module: Module, version: int, *, box: SecretBox, comment: str
) -> Module:
    """Take an older version up again, as a new one; variables stay as they are now.

    Raises:
        NotFoundError: There is no such version.
        UnprocessableError: What was valid then is so no more.
    """
    older = (await HISTORY.get_version(session, module.name, version)).document
    if {**older, _VARIABLES: None} == {**_settings(module), _VARIABLES: None}:
        return module
    wanted = await settings_of_version(session, module.name, version)
    comment = comment or f"Version {version} again."
    return await replace_module(
        session, module, wanted, box=box, change=ModuleChange.REVERTED, comment=comment
    )


def _settings(module: Module) -> dict[str, Any]:
    return {**module.document, "name": module.name, _VARIABLES: sorted(module.sealed)}


def _stamps(module: Module) -> dict[str, Any]:
    return {
        "version": module.version,
        "created_at": module.created_at,
        "updated_at": module.updated_at,
    }


def _fill(module: Module, wanted: ModuleIn, box: SecretBox) -> None:
    """Put the settings into the row; variables that are left out stay as they are."""
    module.document = wanted.model_dump(mode="json", exclude={"name", _VARIABLES})
    if wanted.environment is None:
        return
    unknown = sorted(
        name
        for name, value in wanted.environment.items()
        if value is None and name not in module.sealed
    )
    if unknown:
        raise UnprocessableError(
            f"{', '.join(unknown)}: there is no value that could stay.", field=_VARIABLES
        )
    module.sealed = {
        name: module.sealed[name] if value is None else box.seal(value.get_secret_value())
        for name, value in wanted.environment.items()
    }


async def _tell(
    session: AsyncSession, change: ModuleChange, module: Module, comment: str = ""
) -> None:
    """Write the settings into the history; the journal tells of the image and the version."""
    data = {
        "docker_tag": module.document["docker_tag"],
        "entry_point": module.document.get("entry_point", ""),
        "version": module.version,
    }
    event = own_event(_EVENTS[change], module.name, data)
    session.add(
        ModuleVersion(
            name=module.name,
            version=module.version,
            change=change,
            document=_settings(module),
            author=event.actor or "",
            comment=comment,
        )
    )
    await session.flush()
    await append(session, [event])


async def keep(
    session: AsyncSession, module: Module, folder: Path, document: Any, *, if_match: str | None
) -> tuple[ModulePersistence, str]:
    """Write persistence.json of a module; return what is there now, and its tag.

    Args:
        session: The transaction.
        module: Whose it is.
        folder: Where it is.
        document: What the file is to hold.
        if_match: The tag of what was read; None: whatever is there is replaced.

    Raises:
        ConflictError: A module that uses the folder runs.
        StaleVersionError: The file has changed since it was read.
        PayloadTooLargeError: The document is too large.
    """
    data = persistence.encode(document)
    if len(data) > persistence.MOST_BYTES:
        raise PayloadTooLargeError(
            f"document: {len(data)} bytes of JSON; {persistence.MOST_BYTES} are allowed."
        )
    step = await persistence.in_use(session, folder.name)
    if step is not None:
        raise ConflictError(
            f"The module {step.module!r} runs and uses the folder {folder.name!r}: wait until it "
            "has ended, or stop it."
        )
    _, tag = await asyncio.to_thread(persistence.read, folder)
    if if_match is not None and f'"{tag}"' not in {one.strip() for one in if_match.split(",")}:
        raise StaleVersionError("It was changed since it was read: read it again, then edit.")
    await asyncio.to_thread(persistence.write, folder, data)
    told = {"version": module.version, "persistence_bytes": len(data)}
    await append(session, [own_event(EventType.MODULE_UPDATED, module.name, told)])
    return await asyncio.to_thread(persistence.read, folder)
