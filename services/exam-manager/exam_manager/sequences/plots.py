"""Plots of a stored sequence. No transaction is open while one is made."""

import asyncio
from collections.abc import Sequence as List

from exam_manager.sequences.plot.array_file import Array
from exam_manager.sequences.plot.block_list import blocks_between, read_blocks
from exam_manager.sequences.plot.draw import Window, draw
from exam_manager.sequences.plot.plotter import Plotter, Tables
from exam_manager.sequences.plot.wire import to_binary, to_json
from exam_manager.sequences.service import find_sequence, plot_key, seq_key
from scanhub_libraries.database import Sessions, reading
from scanhub_libraries.errors import UnprocessableError
from scanhub_libraries.models import MRISequenceOut, SequenceBlock

MOST_POINTS_OF_JSON = 20_000


async def prepare(plotter: Plotter, sequence: MRISequenceOut) -> None:
    """Begin to make a plot ready, without waiting for it."""
    plotter.make(plot_key(sequence), seq_key(sequence))


async def _tables(sessions: Sessions, plotter: Plotter, sequence_id: str) -> Tables:
    async with reading(sessions) as session:
        row = await find_sequence(session, sequence_id)
    return await plotter.open(plot_key(row), seq_key(row))


async def read_plot(
    sessions: Sessions,
    plotter: Plotter,
    sequence_id: str,
    window: Window,
    *,
    names: List[str],
    max_points: int,
    binary: bool,
) -> bytes:
    """Return what is drawn of a sequence, in binary form or as JSON.

    Raises:
        UnprocessableError: So many points are not written as JSON.
    """
    if max_points > MOST_POINTS_OF_JSON and not binary:
        raise UnprocessableError(
            f"max_points: at most {MOST_POINTS_OF_JSON} as JSON; ask for the binary form.",
            field="max_points",
        )
    tables = await _tables(sessions, plotter, sequence_id)

    def answer() -> bytes:
        plot = draw(tables, window, names, max_points)
        return to_binary(plot) if binary else to_json(plot)

    return await asyncio.to_thread(answer)


async def list_blocks(
    sessions: Sessions,
    plotter: Plotter,
    sequence_id: str,
    window: Window,
    *,
    after: int | None,
    limit: int,
) -> list[SequenceBlock]:
    """Return the blocks that are played in a window, in their order."""
    arrays, about = await _tables(sessions, plotter, sequence_id)
    begin_s, end_s = window.within(about["duration_s"])
    return await asyncio.to_thread(_blocks, arrays, (begin_s, end_s), after, limit)


def _blocks(
    arrays: dict[str, Array], window_s: tuple[float, float], after: int | None, limit: int
) -> list[SequenceBlock]:
    first, last = blocks_between(arrays, *window_s)
    if after is not None:
        first = max(first, after + 1)
    return read_blocks(arrays, first, min(last, first + limit))
