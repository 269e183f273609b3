"""What becomes of received parts: whole files, on the disk, in the index. Blocking.

All that is whole by now is settled together: one sync serves many files, one transaction of the
index too. An instance that cannot be kept costs no other.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.entries import Origin
from workflow_manager.dicom.extra_tags import with_extra_tags
from workflow_manager.dicom.files import checksum
from workflow_manager.dicom.image import image_of
from workflow_manager.dicom.incoming import promised
from workflow_manager.dicom.intake import Intake
from workflow_manager.dicom.node import DicomNode
from workflow_manager.dicom.part10 import Header
from workflow_manager.dicom.receiving import Arrived, Receiving
from workflow_manager.dicom.redo import Redo
from workflow_manager.dicom.rules import NotStorableError
from workflow_manager.dicomweb.part_file import ReceivedPart
from workflow_manager.dicomweb.syncing import Syncing
from workflow_manager.settings import WorkflowManagerSettings

logger = get_logger(__name__)
# Failure reasons (PS3.18 table I.2-2, PS3.4 section GG.4.2).
PROCESSING_FAILURE, DUPLICATE_UID = 0x0110, 0x0111
WRONG_STUDY, CANNOT_UNDERSTAND = 0xA900, 0xC000


@dataclass(frozen=True, slots=True)
class Desk:
    """Where instances are brought: what indexes them, and a folder for their files."""

    receiving: Receiving
    intake: Intake
    """Indexes what is usual, quickly."""
    folder: Path
    redo: Redo | None
    """Takes copies that are synced in the place of files; None: files are synced."""
    min_free_bytes: int
    """With less room on the disk nothing is taken [byte]."""


@asynccontextmanager
async def open_desk(settings: WorkflowManagerSettings, node: DicomNode) -> AsyncIterator[Desk]:
    """Give a desk with a folder of its own."""
    folder = node.leftovers.new_folder()
    # Copies are for files that are synced before they are put away.
    redo = Redo(folder) if settings.dicom_durability.syncs_data else None
    try:
        yield Desk(node.receiving, node.intake, folder, redo, settings.dicom_min_free_bytes)
    finally:
        if redo is not None:
            await asyncio.to_thread(redo.close)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a part."""

    header: Header | None
    reason: int | None = None
    """Failure reason; None: it is stored."""


Settled = Result | Arrived
"""What became of a part; or a file that goes the general way into the index."""


def settle(
    desk: Desk, origin: Origin, study: str | None, parts: Sequence[ReceivedPart]
) -> list[Settled]:
    """Make parts whole files on the disk, and put those into the index that are usual.

    Args:
        desk: Where they were brought.
        origin: Who brought them.
        study: The one that they have to belong to; None: any.
        parts: Any number; nobody else has them.
    """
    syncing = Syncing(desk.redo)
    settled = [_arrive(desk, origin, study, part, syncing) for part in parts]
    failed = syncing.finish()
    for number, (part, one) in enumerate(zip(parts, settled, strict=True)):
        if isinstance(one, Arrived) and part.written is not None and part.written.place in failed:
            settled[number] = Result(one.header, PROCESSING_FAILURE)
    return index_usual(desk, settled)


def _arrive(
    desk: Desk, origin: Origin, study: str | None, part: ReceivedPart, syncing: Syncing
) -> Settled:
    """Give a part the name of a whole file, let the disk begin with it, and read its header."""
    header: Header | None = None
    try:
        path = part.name()
        if study is None:
            _add(syncing, part)
        try:
            header = part.read(path)
        except NotStorableError as error:
            return Arrived(path, origin, checksum(path), None, str(error))
        if study not in {None, header.study_instance_uid}:
            path.unlink()
            return Result(header, WRONG_STUDY)
        if study is not None:  # what was refused is not to come back after a power cut
            _add(syncing, part)
        if desk.receiving.extra_tags:
            header = with_extra_tags(path, header, desk.receiving.extra_tags)
        return Arrived(path, origin, header.sha256, header)
    except Exception as error:
        logger.exception("an instance could not be stored", error=repr(error))
        return Result(header, PROCESSING_FAILURE)


def _add(syncing: Syncing, part: ReceivedPart) -> None:
    if part.written is not None:  # another one is synced already
        syncing.add(part.written)


def index_usual(desk: Desk, settled: Sequence[Settled]) -> list[Settled]:
    """Put what is usual into the index; the others stay as they are."""
    results = list(settled)
    usual: list[tuple[int, Arrived, Header]] = [
        (number, one, one.header)
        for number, one in enumerate(settled)
        # The name of others does not say what they hold: the index is synced for them.
        if isinstance(one, Arrived) and one.header is not None and promised(one.path) is not None
    ]
    entered = desk.intake.index_usual(
        [arrived.path for _, arrived, _ in usual],
        [image_of(header) for _, _, header in usual],
        [arrived.origin.receiver_aet for _, arrived, _ in usual],
    )
    for place in entered:
        number, _, header = usual[place]
        results[number] = Result(header)
    return results
