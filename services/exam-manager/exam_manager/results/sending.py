"""Images to XNAT: told before they are sent, and what became of it."""

from typing import IO

from exam_manager.audit.disclosures import Disclosures
from exam_manager.results.dicom_copy import write_zip
from exam_manager.results.export import find_images_to_send
from exam_manager.results.files import Place
from exam_manager.results.leaving import send_failed, sending, sent
from exam_manager.results.scratch import Scratch
from exam_manager.results.xnat import XnatServer
from scanhub_libraries.database import Sessions
from scanhub_libraries.errors import UpstreamError
from scanhub_libraries.lake import Lake
from scanhub_libraries.models import XnatUpload
from scanhub_libraries.threads import to_the_end


async def send_images(
    sessions: Sessions,
    disclosures: Disclosures,
    lake: Lake,
    scratch: Scratch,
    server: XnatServer,
    *,
    place: Place,
    filename: str,
) -> XnatUpload:
    """Send one image of a result or, named `*`, all of them.

    Raises:
        NotFoundError: There is no such result or file.
        UnprocessableError: They are no images, or belong to no patient.
        UpstreamError: XNAT is not there, or does not take them.
    """
    paths, identity = await find_images_to_send(sessions, lake, place, filename)
    async with scratch.copying:
        file, size = await to_the_end(write_zip, paths, identity, scratch, discard=_discard)
    count = len(paths)
    with file:
        await disclosures.tell(sending(place, server.name, count))
        try:
            location = await server.send(file, size)
        except UpstreamError as error:
            # What XNAT says may name the patient, so the reason is told without its words.
            said = error.extensions.get("upstream_status")
            reason = f"HTTP {said}" if said else "no answer"
            await disclosures.tell(send_failed(place, server.name, count, reason))
            raise
    await disclosures.tell(sent(place, server.name, count))
    return XnatUpload(files=sorted(paths), project=server.project, location=location)


def _discard(made: tuple[IO[bytes], int]) -> None:
    made[0].close()
