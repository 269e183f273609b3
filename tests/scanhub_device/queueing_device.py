"""A device with a queue on the disk, to be killed: URL SPOOL FILE STAGE [ID TOKEN]."""

import asyncio
import signal
import sys
from pathlib import Path

from scanhub_device import (
    Calibration,
    CalibrationResult,
    ClientSettings,
    DeviceClient,
    DeviceDetails,
    Scan,
)

SETTINGS = ClientSettings(
    heartbeat_s=0.2, reconnect_base_s=0.05, reconnect_max_s=0.2, upload_retry_delays_s=(0.05,)
)


class Device:
    details = DeviceDetails(device_name="to be killed")

    async def calibrate(self, _calibration: Calibration, /) -> CalibrationResult:
        return CalibrationResult({"larmor_frequency": 2e6})

    async def scan(self, scan: Scan, /) -> None:
        await scan.report_progress(10)
        if sys.argv[4] == "scanning":
            await asyncio.Event().wait()
        await scan.upload(Path(sys.argv[3]), filename="raw.mrd", hand_over=sys.argv[4] == "moved")


async def main() -> None:
    device_id, token = sys.argv[5:7] or ("device-1", "secret-1")
    client = DeviceClient(
        sys.argv[1], device_id, token, Device(), settings=SETTINGS, spool=Path(sys.argv[2])
    )
    await client.run()


signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
asyncio.run(main())
