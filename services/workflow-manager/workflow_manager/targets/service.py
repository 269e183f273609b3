"""Targets: configured, tested, deleted. What is sent to them is in dispatch/."""

import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from scanhub_libraries.clock import utc_now
from scanhub_libraries.errors import ConflictError, NotFoundError, UnprocessableError
from scanhub_libraries.events import EventType
from scanhub_libraries.lake import LocalLake
from scanhub_libraries.models import DispatchPause as PauseOut
from scanhub_libraries.models import TargetIn, TargetOut, TargetTest
from scanhub_libraries.models.target import (
    TARGET_CLASSES,
    FolderTarget,
    TargetDocument,
    secret_names,
)
from workflow_manager.journal.service import append, own_event
from workflow_manager.senders.port import Sender
from workflow_manager.targets import repository
from workflow_manager.targets.models import DispatchPause, Target, TargetChange, TargetVersion
from workflow_manager.targets.secret_box import SecretBox

_COLUMNS = {"name", "target_type", "enabled"}
_FOR_PEOPLE = {"comment", "contact"}
_EVENTS = {
    TargetChange.CREATED: EventType.TARGET_CREATED,
    TargetChange.UPDATED: EventType.TARGET_UPDATED,
    TargetChange.REVERTED: EventType.TARGET_UPDATED,
    TargetChange.DELETED: EventType.TARGET_DELETED,
}


async def get_target(session: AsyncSession, name: str, *, lock: bool = False) -> Target:
    """Return a target; `lock` to change it."""
    target = await session.get(Target, name, with_for_update=lock, populate_existing=lock)
    if target is None:
        raise NotFoundError(f"There is no target {name!r}.")
    return target


def describe(target: Target, pause: DispatchPause | None = None) -> TargetOut:
    """Return a target as it is told: with the names of its secrets, never with the secrets."""
    return TargetOut.model_validate(
        {
            **_settings(target),
            "secrets": sorted(target.sealed),
            "version": target.version,
            "created_at": target.created_at,
            "updated_at": target.updated_at,
            "paused": describe_pause(pause) if pause is not None else None,
        }
    )


def as_version(target: Target) -> dict[str, Any]:
    """Return what the history keeps of a target: its settings, and which secrets it has."""
    stamps = {"version", "created_at", "updated_at", "paused"}
    return describe(target).model_dump(mode="json", exclude=stamps)


def describe_pause(pause: DispatchPause) -> PauseOut:
    """Return what is paused as it is told."""
    return PauseOut.model_validate({**pause.model_dump(), "target": pause.target or None})


def document_of(target: Target, box: SecretBox) -> TargetDocument:
    """Return the settings of a target with its secrets, to send there.

    Raises:
        UnavailableError: A secret cannot be decrypted.
    """
    opened = {name: box.open(sealed) for name, sealed in target.sealed.items()}
    return TARGET_CLASSES[target.target_type].model_validate({**_settings(target), **opened})


async def create_target(
    session: AsyncSession, wanted: TargetIn, *, box: SecretBox, lake: LocalLake
) -> Target:
    """Configure a target."""
    document = wanted.root
    if await session.get(Target, document.name) is not None:
        raise ConflictError(f"There is a target {document.name!r} already.")
    _check(document, lake)
    target = Target(name=document.name, document={})
    target.version = 1 + await repository.HISTORY.last_version(session, document.name)
    _fill(target, document, box)
    session.add(target)
    await session.flush()
    await _tell(session, TargetChange.CREATED, target)
    return target


async def replace_target(
    session: AsyncSession,
    target: Target,
    wanted: TargetIn,
    *,
    box: SecretBox,
    lake: LocalLake,
    change: TargetChange = TargetChange.UPDATED,
    comment: str = "",
) -> Target:
    """Change a target; its name stays, dispatches refer to it.

    Args:
        session: The transaction.
        target: The target, locked.
        wanted: Its settings from now on.
        box: Encrypts its secrets.
        lake: Where our own files are.
        change: How it comes about, for the history.
        comment: Why, for the history.
    """
    document = wanted.root
    if document.name != target.name:
        raise ConflictError("A target keeps its name: make a new one and delete this one.")
    _check(document, lake)
    before = _settings(target)
    changed = _fill(target, document, box)
    target.version += 1
    target.updated_at, target.tested_at = utc_now(), None
    await session.flush()
    after = _settings(target)
    changed |= {name for name in {*before, *after} if before.get(name) != after.get(name)}
    await _tell(session, change, target, sorted(changed), comment)
    return target


async def delete_target(session: AsyncSession, target: Target) -> None:
    """Delete a target, and its pause; what was on its way there is the caller's.

    Its versions stay.
    """
    pause = await session.get(DispatchPause, target.name)
    if pause is not None:
        await session.delete(pause)
    target.version += 1
    await _tell(session, TargetChange.DELETED, target)
    await session.delete(target)
    await session.flush()


async def test_target(sender: Sender) -> TargetTest:
    """Try the connection to a target; the answer says what is wrong."""
    steps = await sender.test()
    return TargetTest(ok=all(step.ok for step in steps), detail=steps[-1].detail, steps=steps)


async def note_test(session: AsyncSession, name: str, version: int, found: TargetTest) -> None:
    """Write down what came of a test, unless the settings are others by now."""
    problem = "" if found.ok else found.detail
    await session.execute(
        sa.update(Target)
        .where(col(Target.name) == name, col(Target.version) == version)
        .values(tested_at=utc_now(), test_problem=problem)
    )


def _settings(target: Target) -> dict[str, Any]:
    columns = {name: getattr(target, name) for name in sorted(_COLUMNS)}
    return {**target.document, **columns}


def _fill(target: Target, document: TargetDocument, box: SecretBox) -> set[str]:
    """Put the settings into the row; return the names of secrets that changed.

    A secret that is left out stays as it is, unless the type changes: it was meant for another.
    """
    names = secret_names(type(document))
    sealed = dict(target.sealed) if target.target_type == document.target_type else {}
    changed = set(target.sealed) - set(sealed)
    for name in names:
        if name not in document.model_fields_set:
            continue
        changed.add(name)
        secret: SecretStr | None = getattr(document, name)
        if secret is not None and secret.get_secret_value():
            sealed[name] = box.seal(secret.get_secret_value())
        else:
            sealed.pop(name, None)
    target.target_type, target.enabled = document.target_type, document.enabled
    target.document = document.model_dump(mode="json", exclude={*_COLUMNS, *names})
    target.sealed = sealed
    return changed


def _check(document: TargetDocument, lake: LocalLake) -> None:
    """Refuse a folder among our own files: what is delivered there would be swept or sent again."""
    if isinstance(document, FolderTarget):
        folder, root = Path(os.path.normpath(document.folder)), lake.root.absolute()
        if folder == root or root in folder.parents or folder in root.parents:
            raise UnprocessableError(
                "folder: our own files are there; choose a folder of its own.", field="folder"
            )


async def _tell(
    session: AsyncSession,
    change: TargetChange,
    target: Target,
    changed: list[str] | None = None,
    comment: str = "",
) -> None:
    """Write the settings into the history, and into the journal without comment and contact."""
    told = describe(target).model_dump(mode="json", exclude={"paused"})
    data = {name: value for name, value in told.items() if name not in _FOR_PEOPLE}
    if changed is not None:
        data["changed"] = changed
    event = own_event(_EVENTS[change], target.name[:128], data)
    session.add(
        TargetVersion(
            name=target.name,
            version=target.version,
            change=change,
            document=as_version(target),
            author=event.actor or "",
            comment=comment,
        )
    )
    await session.flush()
    await append(session, [event])
