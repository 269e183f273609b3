"""HTTP: plots of a sequence."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from exam_manager.dependencies import PlotterDep, SessionsDep
from exam_manager.paging import Page
from exam_manager.sequences import plots
from exam_manager.sequences.plot.draw import Window
from exam_manager.sequences.plot.wire import MEDIA_TYPE
from scanhub_libraries.models import PlotChannelName, SequenceBlock, SequencePlot
from scanhub_libraries.models.fields import ShortText

router = APIRouter(prefix="/api/v1/exam", tags=["sequences"])
SequenceId = Annotated[ShortText, Path()]
Time = Annotated[float, Query(ge=0, le=1e9, allow_inf_nan=False)]
MOST_POINTS = 100_000
_PLOT: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
}


async def _window(
    begin_s: Annotated[Time, Query(description="Begin of the window [s]")] = 0.0,
    end_s: Annotated[
        Time | None, Query(description="End of the window [s]; by default that of the sequence")
    ] = None,
) -> Window:
    return Window(begin_s, end_s)


async def _binary(
    form: Annotated[
        Literal["json", "binary"] | None,
        Query(alias="format", description="By default what Accept asks for, else JSON"),
    ] = None,
    accept: Annotated[str, Header(description="application/json or application/octet-stream")] = "",
) -> bool:
    return form == "binary" if form else MEDIA_TYPE in accept


WindowDep = Annotated[Window, Depends(_window)]


@router.get(
    "/sequence/{sequence_id}/plot",
    response_model=SequencePlot,
    responses=_PLOT,
    summary="What is drawn of a sequence",
)
async def get_sequence_plot(
    *,
    sequence_id: SequenceId,
    sessions: SessionsDep,
    plotter: PlotterDep,
    window: WindowDep,
    binary: Annotated[bool, Depends(_binary)],
    max_points: Annotated[
        int, Query(ge=16, le=MOST_POINTS, description="Points per channel; JSON: 20,000")
    ] = 4000,
    channels: Annotated[
        list[PlotChannelName], Query(max_length=len(PlotChannelName), description="By default all")
    ] = list(PlotChannelName),  # noqa: B006 - FastAPI copies it
) -> Response:
    """Return lines through the vertices of RF, gradients and readouts in a window of time.

    A trapezoid is four vertices. Where there are more than `max_points`, each bin of time has its
    first, lowest, highest and last one: no extreme is lost. RF is in Hz, gradients in mT/m; what a
    frequency offset adds to the phase is left out. The binary form is described in
    docs/sequence-plot.md. A plot is made after the upload; while that takes, the answer is 503, and
    the same request is repeated after `Retry-After` seconds.
    """
    answer = await plots.read_plot(
        *(sessions, plotter, sequence_id, window),
        names=list(dict.fromkeys(channel.value for channel in channels)),
        max_points=max_points,
        binary=binary,
    )
    return Response(answer, media_type=MEDIA_TYPE if binary else "application/json")


@router.get("/sequence/{sequence_id}/blocks", summary="The blocks of a sequence in a window")
async def list_sequence_blocks(
    *,
    sequence_id: SequenceId,
    sessions: SessionsDep,
    plotter: PlotterDep,
    window: WindowDep,
    request: Request,
    response: Response,
    after: Annotated[
        int | None, Query(ge=0, description="Go on after the block with this index")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many blocks")] = 100,
) -> list[SequenceBlock]:
    """Return blocks with all that is played in them, in the order in which they are played."""
    page: Page[str] = Page(limit)
    found = await plots.list_blocks(
        sessions, plotter, sequence_id, window, after=after, limit=limit + 1
    )
    return page.cut(found, lambda block: str(block.index), request, response)
