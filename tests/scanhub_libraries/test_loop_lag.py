"""How late the event loop is."""

import asyncio
import time

from scanhub_libraries.loop_lag import LoopLag


async def test_a_loop_that_is_held_up_was_late():
    lag = LoopLag(every_s=0.001, kept=50)
    assert lag.measure().values == {"0.5": 0.0, "0.99": 0.0, "1": 0.0}
    with lag:
        await asyncio.sleep(0.01)
        time.sleep(0.05)  # noqa: ASYNC251 - this is what holds it up
        await asyncio.sleep(0.01)
        values = lag.measure().values
    assert values["1"] >= 0.04
    assert values["0.5"] <= values["0.99"] <= values["1"]
