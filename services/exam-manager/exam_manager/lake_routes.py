"""HTTP: what the sweep of the data lake found."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from exam_manager.lake_sweep import LakeSweep
from scanhub_libraries.models import LakeSweepOut

router = APIRouter(prefix="/api/v1/exam", tags=["lake"])


async def _sweep(request: Request) -> LakeSweep:
    sweep: LakeSweep = request.app.state.lake_sweep
    return sweep


@router.get("/lake/sweep", summary="What the last sweep of the lake found")
async def get_lake_sweep(sweep: Annotated[LakeSweep, Depends(_sweep)]) -> LakeSweepOut:
    """Return what this process removed from the data lake, and what it left and why.

    Files that nothing refers to are removed only if it is recorded that they may go; look at those
    that stay, and remove them by hand if nobody needs them.
    """
    return sweep.report
