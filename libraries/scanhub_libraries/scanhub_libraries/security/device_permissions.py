"""Who may call what at device-manager: one row per route."""

from scanhub_libraries.security.access import (
    ADMIN,
    MEASURED,
    PLANNING,
    PUBLIC,
    READ,
    READ_TASK,
    SCANNING,
    TASK,
    TECHNICAL,
    TECHNICAL_OR_SERVICE,
    TECHNICAL_OR_TASK,
    Access,
)

_D = "/api/v1/device"

DEVICE_PERMISSIONS: dict[str, Access] = {
    # Health
    f"GET {_D}/health/readiness": PUBLIC,
    f"GET {_D}/metrics": MEASURED,
    # Devices
    f"GET {_D}/": READ,
    f"GET {_D}/{{device_id}}": READ,
    f"POST {_D}/createdevice": TECHNICAL,
    f"GET {_D}/simulators": READ,
    f"POST {_D}/simulators": TECHNICAL,
    f"DELETE {_D}/simulators/{{device_id}}": TECHNICAL,
    f"PUT {_D}/{{device_id}}": TECHNICAL,
    f"DELETE {_D}/{{device_id}}": TECHNICAL,
    f"PUT {_D}/parameter/{{device_id}}": TECHNICAL_OR_SERVICE,
    f"POST {_D}/{{device_id}}/rotate-token": TECHNICAL,
    f"PUT {_D}/{{device_id}}/certificate": ADMIN,
    f"DELETE {_D}/{{device_id}}/certificate": ADMIN,
    f"GET {_D}/{{device_id}}/parameter": READ,
    f"PUT {_D}/{{device_id}}/parameter": TECHNICAL,
    f"GET {_D}/{{device_id}}/parameter/diff": READ,
    f"GET {_D}/{{device_id}}/parameter/versions": READ,
    f"GET {_D}/{{device_id}}/parameter/versions/{{version}}": READ,
    f"POST {_D}/{{device_id}}/parameter/versions/{{version}}/restore": TECHNICAL,
    f"GET {_D}/parameter-schemas": READ,
    f"GET {_D}/parameter-schemas/{{device_type}}": READ,
    f"PUT {_D}/parameter-schemas/{{device_type}}": TECHNICAL,
    f"DELETE {_D}/parameter-schemas/{{device_type}}": TECHNICAL,
    f"POST {_D}/{{device_id}}/calibrate": PLANNING,
    f"GET {_D}/{{device_id}}/calibrations": READ,
    f"GET {_D}/{{device_id}}/calibrations/{{calibration_id}}": READ,
    f"POST {_D}/start_scan_via_websocket": PLANNING,
    f"POST {_D}/{{device_id}}/safety": READ,
    # Stop is everybody's: whoever sees something wrong stops the scanner.
    f"POST {_D}/{{device_id}}/stop": READ,
    f"POST {_D}/{{device_id}}/pause": SCANNING,
    f"POST {_D}/{{device_id}}/resume": SCANNING,
    f"GET {_D}/acquisitions": READ,
    f"GET {_D}/acquisitions/{{acquisition_id}}": READ,
    f"POST {_D}/acquisitions/{{acquisition_id}}/abandon": PLANNING,
    # Uploads: a device with the token of its scan; people look, and remove what hangs.
    f"OPTIONS {_D}/uploads": PUBLIC,
    f"GET {_D}/uploads": READ,
    f"POST {_D}/uploads": TASK,
    f"GET {_D}/uploads/{{upload_id}}": READ_TASK,
    f"HEAD {_D}/uploads/{{upload_id}}": READ_TASK,
    f"PATCH {_D}/uploads/{{upload_id}}": TASK,
    f"DELETE {_D}/uploads/{{upload_id}}": TECHNICAL_OR_TASK,
    f"POST {_D}/acquisitions/{{acquisition_id}}/stream": TASK,
    f"WS {_D}/ws": PUBLIC,  # its own credential: Device-Id and Device-Token
}
