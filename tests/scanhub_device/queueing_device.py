"""A device with a queue on the disk, to be killed: URL SPOOL FILE STAGE."""

import asyncio
import sys
from pathlib import Path

from scanhub_device import ClientSettings, DeviceClient, DeviceDetails, Scan

SETTINGS = ClientSettings(
    heartbeat_s=0.2, reconnect_base_s=0.05, reconnect_max_s=0.2, upload_retry_delays_s=(0.05,)
)


class Device:
    details = DeviceDetails(device_name="to be killed")

    async def scan(self, scan: Scan, /) -> None:
        await scan.report_progress(10)
        if sys.argv[4] == "scanning":
            await asyncio.Event().wait()
        await scan.upload(Path(sys.argv[3]), filename="raw.mrd", hand_over=sys.argv[4] == "moved")


async def main() -> None:
    client = DeviceClient(
        sys.argv[1], "device-1", "secret-1", Device(), settings=SETTINGS, spool=Path(sys.argv[2])
    )
    await client.run()


asyncio.run(main())
