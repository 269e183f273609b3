import itertools

import pytest

from scanhub_device.errors import InvalidTransitionError
from scanhub_device.state import TRANSITIONS, DeviceEvent, DeviceState, next_state

S, E = DeviceState, DeviceEvent


@pytest.mark.parametrize(("state", "event"), list(itertools.product(S, E)))
def test_every_pair_is_either_in_the_table_or_refused(state: S, event: E) -> None:
    if (state, event) in TRANSITIONS:
        assert next_state(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(InvalidTransitionError, match=event):
            next_state(state, event)


@pytest.mark.parametrize("state", [S.ONLINE, S.BUSY, S.ERROR])
def test_a_link_can_be_lost_and_come_back_in_every_state(state: S) -> None:
    back = {S.ONLINE: E.CONNECTED, S.BUSY: E.CONNECTED_SCANNING, S.ERROR: E.CONNECTED_FAULTY}
    assert next_state(state, E.LINK_LOST) is S.OFFLINE
    assert next_state(S.OFFLINE, back[state]) is state


def test_a_scan_can_only_start_when_the_device_is_online() -> None:
    assert [state for state in S if (state, E.SCAN_STARTED) in TRANSITIONS] == [S.ONLINE]
