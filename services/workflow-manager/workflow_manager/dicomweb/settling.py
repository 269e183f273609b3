"""What becomes of received parts: whole files, on the disk, in the index. Blocking.

A part gets its file and its copy as soon as it is whole, while others come. All that is there by
now is settled together: one sync serves many files, one transaction of the index too. An instance
that cannot be kept costs no other.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from scanhub_libraries.logging import get_logger
from workflow_manager.dicom.copying import Copying, Promise
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
from workflow_manager.dicomweb.syncing import sync_each
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
    copying: Copying | None
    """Makes copies that are synced in the place of files; None: files are synced."""
    min_free_bytes: int
    """With less room on the disk nothing is taken [byte]."""


@asynccontextmanager
async def open_desk(settings: WorkflowManagerSettings, node: DicomNode) -> AsyncIterator[Desk]:
    """Give a desk with a folder of its own."""
    folder = node.leftovers.new_folder()
    # Copies are for files that are synced before they are put away.
    copying = Copying(Redo(folder)) if settings.dicom_durability.syncs_data else None
    try:
        yield Desk(node.receiving, node.intake, folder, copying, settings.dicom_min_free_bytes)
    finally:
        if copying is not None:
            await asyncio.to_thread(copying.close)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a part."""

    header: Header | None
    reason: int | None = None
    """Failure reason; None: it is stored."""


Settled = Result | Arrived
"""What became of a part; or a file that goes the general way into the index."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A part that was taken, and what says whether it is safe."""

    settled: Settled
    place: str = ""
    """Path of the file that has to be on the disk before anybody relies on it; empty: it is."""
    promise: Promise | None = None
    """Of a copy that does in its stead; None: the file is to be synced."""


def take(desk: Desk, origin: Origin, study: str | None, part: ReceivedPart) -> Taken:
    """Make a part a whole file, have it copied, and read its header.

    Args:
        desk: Where it was brought.
        origin: Who brought it.
        study: The one that it has to belong to; None: any.
        part: Nobody else has it.

    Raises:
        OSError: The disk does not take it.
    """
    promise = _copied(desk, part) if study is None else None
    page = None if part.page is None or study is None else part.page.hold()
    is_needed = False
    try:
        path = part.name()
        settled = _arrive(desk, origin, study, part, path)
        is_needed = part.written is not None and isinstance(settled, Arrived)
        if is_needed and page is not None:  # what is refused is not to come back
            promise = _copied(desk, part)
    finally:
        if page is not None:
            page.let_go()
        if promise is not None and not is_needed:
            promise.wait()
    if part.written is None or not is_needed:
        return Taken(settled)
    return Taken(settled, part.written.place, promise)


def _copied(desk: Desk, part: ReceivedPart) -> Promise | None:
    """Have a part copied, if it is in memory still; the copy begins at once."""
    if desk.copying is None or part.written is None or part.page is None:
        return None
    return desk.copying.copy(part.page, part.written.place.rpartition("/")[2])


def _arrive(
    desk: Desk, origin: Origin, study: str | None, part: ReceivedPart, path: Path
) -> Settled:
    """Read the header of a whole file."""
    header: Header | None = None
    try:
        try:
            header = part.read(path)
        except NotStorableError as error:
            return Arrived(path, origin, checksum(path), None, str(error))
        if study not in {None, header.study_instance_uid}:
            path.unlink()
            return Result(header, WRONG_STUDY)
        if desk.receiving.extra_tags:
            header = with_extra_tags(path, header, desk.receiving.extra_tags)
        return Arrived(path, origin, header.sha256, header)
    except Exception as error:
        logger.exception("an instance could not be stored", error=repr(error))
        return Result(header, PROCESSING_FAILURE)


def settle(desk: Desk, parts: Sequence[Taken]) -> list[Settled]:
    """See to it that parts are on the disk, and put those into the index that are usual.

    Args:
        desk: Where they were brought.
        parts: Any number.
    """
    bare = [
        part.place
        for part in parts
        if part.place and (part.promise is None or not part.promise.wait())
    ]
    failed = sync_each(bare) if bare else set()
    settled = [
        Result(one.header, PROCESSING_FAILURE)
        if part.place in failed and isinstance(one := part.settled, Arrived)
        else part.settled
        for part in parts
    ]
    return index_usual(desk, settled)


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
        [arrived.origin for _, arrived, _ in usual],
    )
    for place in entered:
        number, _, header = usual[place]
        results[number] = Result(header)
    return results
