"""Routes of the cleaner: what would be removed, and what must stay."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from scanhub_libraries.models.cleaner import (
    CleanerOut,
    CleaningPreview,
    HoldIn,
    HoldOut,
    RemovalIn,
    RemovalOut,
)
from scanhub_libraries.models.fields import ShortText
from scanhub_libraries.web import PrincipalDep, SessionDep
from workflow_manager.cleaner import by_hand, previewing, repository, service

router = APIRouter(prefix="/api/v1/workflowmanager", tags=["cleaner"])
Study = Annotated[ShortText, Path(description="Study Instance UID")]


@router.get("/cleaner", summary="Say how long things stay")
async def get_cleaner(request: Request) -> CleanerOut:
    """Return what the settings say, and whether the disk asks for more than that."""
    return await previewing.describe(request.app.state.wiring)


@router.get("/cleaner/preview", summary="Say what would be removed now")
async def preview_cleaning(
    request: Request,
    *,
    free_bytes: Annotated[
        int | None,
        Query(ge=1, description="What an emergency would remove to free so much [byte]"),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="How many series at most")] = 100,
) -> CleaningPreview:
    """Return what the next cleaning removes by the settings, the oldest first; nothing is done."""
    return await previewing.preview(request.app.state.wiring, free_bytes=free_bytes, limit=limit)


@router.get("/holds", summary="List studies that are held")
async def list_holds(
    session: SessionDep,
    *,
    study_instance_uid: Annotated[
        ShortText | None, Query(description="Only of this study: one, or none if it is not held")
    ] = None,
    after: Annotated[ShortText, Query(description="Only with a higher UID than this")] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[HoldOut]:
    """Return studies of which nothing is removed, in the order of their UIDs."""
    rows = await repository.list_holds(session, study=study_instance_uid, after=after, limit=limit)
    return [HoldOut.model_validate(row) for row in rows]


@router.put("/studies/{study_instance_uid}/hold", summary="Keep a study, whatever the settings say")
async def hold_study(
    session: SessionDep, principal: PrincipalDep, study_instance_uid: Study, hold: HoldIn
) -> HoldOut:
    """Nothing of the study is removed until the hold is lifted; holding it again is harmless."""
    row = await service.hold_study(session, study_instance_uid, hold.reason, actor=principal.actor)
    return HoldOut.model_validate(row)


@router.delete(
    "/studies/{study_instance_uid}/hold", status_code=204, summary="Lift the hold of a study"
)
async def lift_hold(session: SessionDep, study_instance_uid: Study) -> None:
    """Let the settings decide about the study again."""
    await service.lift_hold(session, study_instance_uid)


@router.post("/studies/{study_instance_uid}/remove", summary="Remove images by hand")
async def remove_images(
    session: SessionDep, study_instance_uid: Study, wanted: RemovalIn
) -> RemovalOut:
    """Remove the images of a study, or of some of its series, for good; all of them, or nothing.

    Refused while something is still to come of one of them, or while the study is held.
    """
    return await by_hand.remove_images(session, study_instance_uid, wanted)
