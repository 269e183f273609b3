"""What a bad link knows of the scan that passes through it, and what it does to its messages."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from scanhub_device.simulator.faults import Fault, FaultKind, Stage

Document = dict[str, Any]
_WRONG_SHA256 = "0" * 64


@dataclass
class PassingScan:
    """One scan: what has happened of it, and to it."""

    key: str = ""
    struck: set[int] = field(default_factory=set)
    flipped: int = 0
    wrong: int = 0
    busy: Document | None = None
    """The last word on its progress, while it runs."""
    size: int = 0
    sent: int = 0


class Faults:
    """The faults of a link, and the scan that they happen to."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.scan = PassingScan()
        self.change(faults)

    def change(self, faults: tuple[Fault, ...]) -> None:
        """Have other faults from now on."""
        self._faults = tuple(fault for fault in faults if fault.in_link)
        self.scan.struck.clear()
        self.scan.flipped = self.scan.wrong = 0

    def value(self, kind: FaultKind) -> float | None:
        """Value of a fault that holds all the time; None: there is no such fault."""
        for fault in self._faults:
            if fault.kind is kind:
                return fault.number
        return None

    def due(self, stage: Stage, percent: float) -> list[Fault]:
        """The faults whose moment has come, each once in a scan."""
        now = []
        for number, fault in enumerate(self._faults):
            at = fault.percent
            if at is None or fault.stage is not stage or number in self.scan.struck:
                continue
            if percent >= at:
                self.scan.struck.add(number)
                now.append(fault)
        return now

    def flip(self, data: bytes) -> bytes:
        """Flip a bit of the first bytes of a file, in as many tries as are asked for."""
        tries = self.value(FaultKind.BIT_FLIP)
        if tries is None or self.scan.sent or self.scan.flipped >= tries or not data:
            return data
        self.scan.flipped += 1
        return bytes([data[0] ^ 1]) + data[1:]

    def sha256(self, announced: str) -> str:
        """The checksum that is passed on."""
        tries = self.value(FaultKind.WRONG_HASH)
        if tries is None or self.scan.wrong >= tries:
            return announced
        self.scan.wrong += 1
        return _WRONG_SHA256

    def checksum_behind(self, data: bytes) -> bytes:
        """What is passed on of the last bytes, which may be a checksum behind those of the file."""
        tries, scan = self.value(FaultKind.WRONG_HASH), self.scan
        behind = scan.sent + len(data) - scan.size
        if tries is None or scan.wrong >= tries or behind <= 0 or not scan.size:
            return data
        scan.wrong += 1
        own = max(0, len(data) - behind)
        return data[:own] + bytes(byte ^ 1 for byte in data[own:])

    def passing(self, count: int) -> float:
        """Count bytes of a file; return how much of it has passed then [%]."""
        self.scan.sent += count
        return 100 * self.scan.sent / max(self.scan.size, 1)

    def announce(self, size: int, offset: int = 0) -> None:
        """A file begins, or goes on."""
        self.scan.size, self.scan.sent = size, offset

    # --- messages ---------------------------------------------------------------------------------

    def started(self, data: Document, http_address: str, server: str) -> None:
        """A start passes: its files shall come through here too."""
        key = str(data.get("acquisition_id") or data.get("id"))
        if key != self.scan.key:
            self.scan = PassingScan(key)
        if data.get("upload_url"):
            place = urlsplit(urljoin(server, str(data["upload_url"]))).path
            data["upload_url"] = urljoin(http_address, place)
        if data.get("stream_url"):  # what goes wrong with it goes wrong in the scanner
            data["stream_url"] = urljoin(server, str(data["stream_url"]))

    def reported(self, message: Document) -> float | None:
        """A status passes; return the progress that it tells [%]."""
        if message.get("status") != "BUSY" or not message.get("task_id"):
            self.scan.busy = None
            return None
        self.scan.busy = message
        data = message.get("data") or {}
        return float(data.get("progress") or 0)


def parse(frame: str) -> Document:
    """Read a text frame; what is no message passes as it is."""
    try:
        document = json.loads(frame)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
