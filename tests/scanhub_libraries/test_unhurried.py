"""Work that nobody waits for steps back behind the event loop."""

import os
import sys
from threading import get_native_id

import pytest

from scanhub_libraries.unhurried import unhurried


@pytest.mark.skipif(sys.platform != "linux", reason="only there a thread has a niceness of its own")
def test_the_thread_is_nicer_than_who_asks():
    """Also where the whole server was begun with a low priority."""

    def niceness():
        return os.getpriority(os.PRIO_PROCESS, get_native_id())

    with unhurried("test") as pool:
        assert pool.submit(niceness).result() > niceness()
