"""Work of a scanner that takes a while and may have to end early: a scan, or a calibration."""

import asyncio
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Work:
    """What scans and calibrations have in common.

    Attributes:
        stop_requested: set when the work has to end; for the threads of the scanner program.
    """

    def __init__(self, stop_requested: threading.Event | None = None) -> None:
        self.stop_requested = stop_requested or threading.Event()
        self._loop = asyncio.get_running_loop()

    async def run_in_thread(
        self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Run blocking code, which looks at `stop_requested` often and returns when it is set.

        A thread cannot be cancelled: stopped work waits here until the function has returned.
        """
        work = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            self.stop_requested.set()
            await asyncio.wait({work})
            if not work.cancelled():
                work.exception()
            raise
