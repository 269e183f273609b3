"""A scanner that stops at each stage of a scan until the test lets it go on."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scanhub_device.messages import DeviceDetails


@dataclass
class StagedScanner:
    """Scans as far as the test lets it."""

    path: Path
    details: DeviceDetails = field(default_factory=lambda: DeviceDetails(device_name="staged"))
    at: dict[str, asyncio.Event] = field(default_factory=dict)
    go: dict[str, asyncio.Event] = field(default_factory=dict)

    def prepare(self, *stages: str) -> None:
        """Hold the next scan at these stages."""
        self.at = {name: asyncio.Event() for name in ("acked", "running", "stored")}
        self.go = {name: asyncio.Event() for name in self.at}
        for name in set(self.at) - set(stages):
            self.go[name].set()

    def release(self) -> None:
        for event in self.go.values():
            event.set()

    async def _stage(self, name: str) -> None:
        self.at[name].set()
        await self.go[name].wait()

    async def scan(self, scan: Any) -> None:
        await self._stage("acked")
        await scan.report_progress(50)
        await self._stage("running")
        await scan.upload(self.path)
        await self._stage("stored")
