"""The states of a device and what leads from one to the next."""

from enum import StrEnum

from scanhub_device.errors import InvalidTransitionError


class DeviceState(StrEnum):
    """State of a device, by the names of the wire."""

    OFFLINE = "OFFLINE"
    ONLINE = "ONLINE"
    BUSY = "BUSY"
    ERROR = "ERROR"


class DeviceEvent(StrEnum):
    """What happens to a device."""

    CONNECTED = "connected"
    CONNECTED_SCANNING = "connected while a scan runs"
    CONNECTED_FAULTY = "connected with a fault"
    LINK_LOST = "link lost"
    SCAN_STARTED = "scan started"
    SCAN_ENDED = "scan ended"
    SCAN_FAILED = "scan failed"
    CALIBRATION_STARTED = "calibration started"
    CALIBRATION_ENDED = "calibration ended"
    CALIBRATION_FAILED = "calibration showed a fault"
    RECOVERED = "recovered"


_S, _E = DeviceState, DeviceEvent

TRANSITIONS: dict[tuple[DeviceState, DeviceEvent], DeviceState] = {
    (_S.OFFLINE, _E.CONNECTED): _S.ONLINE,
    (_S.OFFLINE, _E.CONNECTED_SCANNING): _S.BUSY,
    (_S.OFFLINE, _E.CONNECTED_FAULTY): _S.ERROR,
    # a scan outlives the link: it may end while nobody is there to hear it
    (_S.OFFLINE, _E.SCAN_ENDED): _S.OFFLINE,
    (_S.OFFLINE, _E.SCAN_FAILED): _S.OFFLINE,
    (_S.OFFLINE, _E.CALIBRATION_ENDED): _S.OFFLINE,
    (_S.OFFLINE, _E.CALIBRATION_FAILED): _S.OFFLINE,
    (_S.OFFLINE, _E.RECOVERED): _S.OFFLINE,
    (_S.ONLINE, _E.SCAN_STARTED): _S.BUSY,
    (_S.ONLINE, _E.CALIBRATION_STARTED): _S.BUSY,
    (_S.ONLINE, _E.LINK_LOST): _S.OFFLINE,
    (_S.BUSY, _E.SCAN_ENDED): _S.ONLINE,
    (_S.BUSY, _E.SCAN_FAILED): _S.ERROR,
    (_S.BUSY, _E.CALIBRATION_ENDED): _S.ONLINE,
    (_S.BUSY, _E.CALIBRATION_FAILED): _S.ERROR,
    (_S.BUSY, _E.LINK_LOST): _S.OFFLINE,
    (_S.ERROR, _E.RECOVERED): _S.ONLINE,
    (_S.ERROR, _E.LINK_LOST): _S.OFFLINE,
}


def next_state(state: DeviceState, event: DeviceEvent) -> DeviceState:
    """Look up where the event leads; a pair that is not in the table is a defect."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise InvalidTransitionError(f"a device that is {state} cannot have: {event}") from None
