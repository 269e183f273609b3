"""Ready protocols: what a new installation makes its first scan with."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from exam_manager.exams import protocol_import, protocols
from exam_manager.exams.protocol_checks import numbered
from exam_manager.sequences.reader import SequenceReader
from scanhub_libraries.database import Sessions
from scanhub_libraries.errors import ConflictError, NotFoundError
from scanhub_libraries.lake import Lake
from scanhub_libraries.models import ImportedProtocols, ProtocolFile, ProtocolsFile
from scanhub_libraries.models.example import ExampleProtocol

Examples = Mapping[str, ProtocolsFile]
"""By their keys: files of one protocol each, with its sequences."""


async def list_examples(session: AsyncSession, examples: Examples) -> list[ExampleProtocol]:
    """Return the ready protocols, and which of them are here already."""
    return [await _told(session, key, _only(file)) for key, file in examples.items()]


async def _told(session: AsyncSession, key: str, protocol: ProtocolFile) -> ExampleProtocol:
    here = await protocols.newest_version(session, protocol.protocol_id)
    return ExampleProtocol(
        key=key,
        name=protocol.name,
        description=protocol.description,
        tasks=[task.name for _, task in numbered(protocol)],
        exam_id=None if here is None else here.id,
    )


def _only(file: ProtocolsFile) -> ProtocolFile:
    (protocol,) = file.protocols
    return protocol


async def check_example(
    sessions: Sessions,
    read_sequence: SequenceReader,
    examples: Examples,
    key: str,
    *,
    device_id: UUID | None,
) -> protocol_import.CheckedFile:
    """Read a ready protocol, while no transaction is open.

    Raises:
        NotFoundError: There is none of this key.
        ConflictError: It is here already.
    """
    file = examples.get(key)
    if file is None:
        known = ", ".join(examples) or "none"
        raise NotFoundError(f"There is no ready protocol {key!r}; there is: {known}.")
    checked = await protocol_import.check_file(sessions, read_sequence, file, as_versions=False)
    if here := checked.newest.get(_only(file).protocol_id):
        raise ConflictError(
            f"{here.name!r} is in the library already: use it, or make its next version.",
            exam_id=str(here.id),
        )
    return replace(checked, device_id=device_id)


async def take_example(
    session: AsyncSession,
    lake: Lake,
    checked: protocol_import.CheckedFile,
    *,
    actor: str,
    now: datetime,
) -> ImportedProtocols:
    """Take a ready protocol into the library and release it, in one transaction."""
    made = await protocol_import.write_file(
        session, lake, checked, as_versions=False, creator=actor, now=now
    )
    for protocol in made.protocols:
        await protocols.release_version(
            session,
            protocol.exam_id,
            comment="Ready protocol of the platform",
            actor=actor,
            if_match=None,
            now=now,
        )
    return made
