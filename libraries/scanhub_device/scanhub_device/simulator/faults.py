"""What can go wrong on purpose, and how it is written: `KIND[=VALUE][@[upload:]PERCENT%]`.

Most faults are those of the link and happen in `bad_link`, between the device and its server: the
program of the device knows nothing of them. Disk, crash and error happen in the scanner itself.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

CRASHED = 70
"""Exit code of a program that a fault has ended."""


class FaultKind(StrEnum):
    """What goes wrong."""

    LINK_LOSS = "link-loss"
    HALF_OPEN = "half-open"
    SLOW_LINK = "slow-link"
    DISK_FULL = "disk-full"
    CRASH = "crash"
    BIT_FLIP = "bit-flip"
    WRONG_HASH = "wrong-hash"
    LATE_ACK = "late-ack"
    NO_ACK = "no-ack"
    STATUS_STORM = "status-storm"
    NEVER_STOPS = "never-stops"
    STOPS_LATE = "stops-late"
    ERROR = "error"
    SILENT = "silent"
    STREAM_BREAK = "stream-break"
    STREAM_STALL = "stream-stall"
    STREAM_GARBAGE = "stream-garbage"


class Stage(StrEnum):
    """What the percentage is of."""

    SCAN = "scan"
    UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class _Form:
    """What a fault takes: a value, a moment."""

    meaning: str
    value: str | None = None
    default: str | None = None
    moment: bool = False
    in_link: bool = True


_FORMS = {
    FaultKind.LINK_LOSS: _Form(
        "the link breaks and stays away", value="seconds", default="0", moment=True
    ),
    FaultKind.HALF_OPEN: _Form(
        "no byte passes any more, and nobody is told", value="seconds", default="60", moment=True
    ),
    FaultKind.SLOW_LINK: _Form("bytes pass slowly, both ways", value="bytes/s"),
    FaultKind.DISK_FULL: _Form("the disk of the scanner is full", moment=True, in_link=False),
    FaultKind.CRASH: _Form("the program of the scanner ends at once", moment=True),
    FaultKind.BIT_FLIP: _Form("one bit of the uploaded bytes flips", value="tries", default="1"),
    FaultKind.WRONG_HASH: _Form("the announced checksum is wrong", value="tries", default="1"),
    FaultKind.LATE_ACK: _Form("the acknowledgement of a start comes late", value="seconds"),
    FaultKind.NO_ACK: _Form("no start is acknowledged"),
    FaultKind.STATUS_STORM: _Form("status messages without end", value="per second"),
    FaultKind.NEVER_STOPS: _Form("no stop is heard"),
    FaultKind.STOPS_LATE: _Form("a stop is heard late", value="seconds"),
    FaultKind.ERROR: _Form(
        "the scan fails with this error_code", value="word", moment=True, in_link=False
    ),
    FaultKind.SILENT: _Form("no heartbeats"),
    FaultKind.STREAM_BREAK: _Form(
        "the connection of the stream breaks", moment=True, in_link=False
    ),
    FaultKind.STREAM_STALL: _Form(
        "nothing more is sent on the stream, and it stays open", moment=True, in_link=False
    ),
    FaultKind.STREAM_GARBAGE: _Form(
        "bytes that are no message come on the stream", moment=True, in_link=False
    ),
}
_PATTERN = re.compile(
    r"(?P<kind>[a-z-]+)(=(?P<value>[^@]+))?(@((?P<stage>scan|upload):)?(?P<percent>[0-9.]+)%)?"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; it happens once in every scan, or all the time if it has no moment."""

    kind: FaultKind
    value: str | None = None
    stage: Stage = Stage.SCAN
    percent: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """Read `link-loss=3@50%`, `crash@upload:10%`, `slow-link=100000`.

        Raises:
            ValueError: it is no fault; the text says what it should be.
        """
        match = _PATTERN.fullmatch(text.strip())
        if match is None or match["kind"] not in set(FaultKind):
            raise ValueError(
                f"{text!r} is no fault; the form is KIND[=VALUE][@PERCENT%], {kinds()}"
            )
        kind = FaultKind(match["kind"])
        form = _FORMS[kind]
        value = _value(kind, form, match["value"])
        percent = match["percent"]
        if percent is None:
            return cls(kind, value, percent=0.0 if form.moment else None)
        if not form.moment:
            raise ValueError(f"{kind} holds all the time; leave out @{percent}%")
        try:
            moment = float(percent)
        except ValueError:
            moment = -1.0
        if not 0 <= moment <= 100:  # noqa: PLR2004 - percent
            raise ValueError(f"{percent}% is not from 0% to 100%")
        stage = Stage(match["stage"] or Stage.SCAN)
        if stage is Stage.UPLOAD and not form.in_link:
            raise ValueError(f"{kind} happens in the scan, not in the upload")
        return cls(kind, value, stage, moment)

    @property
    def number(self) -> float:
        """The value as a number, 0 without one."""
        return float(self.value) if self.value is not None else 0.0

    @property
    def in_link(self) -> bool:
        """Whether it happens between the device and its server."""
        crash_in_scan = self.kind is FaultKind.CRASH and self.stage is Stage.SCAN
        return _FORMS[self.kind].in_link and not crash_in_scan


def _value(kind: FaultKind, form: _Form, text: str | None) -> str | None:
    if form.value is None:
        if text is not None:
            raise ValueError(f"{kind} takes no value")
        return None
    value = text if text is not None else form.default
    if value is None:
        raise ValueError(f"{kind} needs a value: {kind}={form.value.upper().replace(' ', '-')}")
    if form.value == "word":
        return value
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    least = 0.0 if form.value == "seconds" else 1e-3
    if not least <= number < float("inf"):
        raise ValueError(f"{kind}={value}: {form.value} must be a positive number")
    return value


def kinds() -> str:
    """Every fault with its value and its moment, for messages and help."""
    words = []
    for kind, form in _FORMS.items():
        value = "" if form.value is None else f"={form.value.replace(' ', '-')}"
        value = f"[{value}]" if form.default is not None else value
        words.append(f"{kind}{value}{'@PERCENT%' if form.moment else ''}: {form.meaning}")
    return "; ".join(words)
