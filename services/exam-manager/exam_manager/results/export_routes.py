"""HTTP: what leaves the platform: DICOM files, results as zip and NIfTI, images to XNAT."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import StreamingResponse

from exam_manager.dependencies import DisclosuresDep, LakeDep, NowDep, SessionsDep, SettingsDep
from exam_manager.results import export
from exam_manager.results.files import find_dicom
from exam_manager.results.leaving import Form, downloaded
from exam_manager.results.mrd_routes import RANGE_HEADERS, PlaceDep, in_thread
from exam_manager.results.nifti import NiftiConverter
from exam_manager.results.scratch import Scratch
from exam_manager.results.sending import send_images
from exam_manager.results.xnat import XnatServer
from scanhub_libraries.file_answer import FileAnswer
from scanhub_libraries.models import XnatUpload
from scanhub_libraries.models.fields import ShortText

_OF_RESULT = "/{workflow_id}/{task_id}/{result_id}"
results = APIRouter(prefix="/api/v1/exam/result", tags=["results"])
dicom = APIRouter(prefix=f"/api/v1/exam/dcm{_OF_RESULT}", tags=["results"])
xnat = APIRouter(prefix=f"/api/v1/exam/xnat/upload{_OF_RESULT}", tags=["results"])
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


async def _converter(request: Request) -> NiftiConverter:
    converter: NiftiConverter = request.app.state.nifti
    return converter


async def _scratch(request: Request) -> Scratch:
    scratch: Scratch = request.app.state.scratch
    return scratch


ScratchDep = Annotated[Scratch, Depends(_scratch)]


@dicom.get(
    "/{filename}",
    summary="A DICOM file",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"application/dicom": {}}},
        206: {"description": "A range of it", "headers": RANGE_HEADERS},
        416: {"description": "There is no such range"},
    },
)
async def get_dicom_file(
    place: PlaceDep,
    filename: str,
    sessions: SessionsDep,
    disclosures: DisclosuresDep,
    lake: LakeDep,
) -> FileAnswer:
    """Return the bytes of a DICOM file; ranges are supported."""
    path, files = await find_dicom(sessions, lake, place, filename)
    await disclosures.tell_reading(downloaded(place, Form.DICOM, files), Form.DICOM)
    return FileAnswer(
        path,
        media_type="application/dicom",
        filename=filename,
        disposition="inline",
        headers=_HEADERS,
    )


@results.get(
    "/{result_id}/zip",
    summary="All files of a result as zip",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}}},
)
async def get_result_zip(
    result_id: UUID,
    sessions: SessionsDep,
    disclosures: DisclosuresDep,
    lake: LakeDep,
    now: NowDep,
) -> StreamingResponse:
    """Return the files in `files/`, not compressed, with manifest.json and SHA256SUMS.

    The sums stand last: they are made while the zip is sent. A download that breaks off has none.
    """
    archive = await export.prepare_zip(sessions, disclosures, lake, result_id, now=now)
    headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="{result_id}.zip"'}
    return StreamingResponse(
        in_thread(archive.__iter__()), media_type="application/zip", headers=headers
    )


@results.get(
    "/{result_id}/files/{filename}",
    summary="A file of a result",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"application/octet-stream": {}}},
        206: {"description": "A range of it", "headers": RANGE_HEADERS},
        416: {"description": "There is no such range"},
    },
)
async def get_result_file(
    *,
    result_id: UUID,
    filename: Annotated[ShortText, Path()],
    sessions: SessionsDep,
    disclosures: DisclosuresDep,
    lake: LakeDep,
) -> FileAnswer:
    """Return a file as it was stored, of whatever kind: a report, a volume; ranges are supported.

    It comes as bytes to keep, never as something that a browser would open by itself.
    """
    path, place = await export.find_file(sessions, lake, result_id, filename)
    await disclosures.tell_reading(downloaded(place, Form.FILE, 1), Form.FILE, filename)
    return FileAnswer(
        path, media_type="application/octet-stream", filename=filename, headers=_HEADERS
    )


@results.get(
    "/{result_id}/nifti",
    summary="The images of a result as NIfTI",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/gzip": {}, "application/zip": {}}}},
)
async def get_result_nifti(
    result_id: UUID,
    sessions: SessionsDep,
    disclosures: DisclosuresDep,
    lake: LakeDep,
    convert: Annotated[NiftiConverter, Depends(_converter)],
) -> FileAnswer:
    """Return the images as .nii.gz; as a zip where they make several files."""
    made = await export.convert_images(sessions, disclosures, lake, convert, result_id)
    name = f"{result_id}{made.ending}"
    return FileAnswer(made.file, media_type=made.media_type, filename=name, headers=_HEADERS)


@xnat.post("/{filename}", summary="Send images to XNAT")
async def upload_to_xnat(
    *,
    place: PlaceDep,
    filename: str,
    sessions: SessionsDep,
    lake: LakeDep,
    settings: SettingsDep,
    scratch: ScratchDep,
    disclosures: DisclosuresDep,
) -> XnatUpload:
    """Send one DICOM file of a result or, named `*`, all of them to the XNAT server set up here.

    Patient ID, patient name and study description of the copies sent are those of the record.
    """
    return await send_images(
        *(sessions, disclosures, lake, scratch, XnatServer(settings)),
        place=place,
        filename=filename,
    )
