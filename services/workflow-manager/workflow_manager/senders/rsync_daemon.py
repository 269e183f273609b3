"""A module of an rsync daemon (`rsync://`); needs the program rsync on this host.

Nothing is encrypted on this way, and the daemon runs nothing for us: `.complete` is a file as the
others are, brought when they are there.
"""

import asyncio
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from scanhub_libraries.models import TargetStep
from scanhub_libraries.models.target import RsyncTarget
from workflow_manager.senders.folder import COMPLETE, wanted
from workflow_manager.senders.port import Item, Pace, SendReport, Shipment
from workflow_manager.senders.reach import reach
from workflow_manager.senders.rsync_program import (
    RsyncError,
    bracketed,
    environment,
    link,
    options,
    programs,
    run,
    write,
)

_NO_LOGIN = "auth failed"


class RsyncDaemonSender:
    """Brings files to `<module>/<folder>/<id of the dispatch>/`."""

    whole = False

    def __init__(
        self, target: RsyncTarget, _pace: Pace, *, connect_timeout_s: float, timeout_s: float
    ) -> None:
        self._target = target  # rsync holds the bandwidth limit itself
        self._connect_timeout_s = connect_timeout_s
        self._timeout_s = timeout_s

    async def send(self, shipment: Shipment, report: SendReport) -> None:
        """Bring all files in one go, then `.complete`."""
        items = wanted(shipment.items, self._target.file_filter, report)
        place = f"/{shipment.id}/"
        try:
            with tempfile.TemporaryDirectory(prefix="scanhub-rsync-") as name:  # mode 0700
                folders = await asyncio.to_thread(_prepare, Path(name), items)
                for folder in folders:
                    await self._rsync(Path(name), [f"{folder}/", self._url(place)], report.stop)
                    if report.stop.is_set():
                        return
        except (RsyncError, OSError) as error:
            report.fail_rest(items, str(error))
        else:
            report.sent.extend(item.sop_instance_uid for item in items)

    async def test(self) -> list[TargetStep]:
        """Connect, log in, and ask for the folder; see whether it may be written."""
        target = self._target
        steps = await reach(target.host, target.port, self._connect_timeout_s)
        if not steps[-1].ok:
            return steps
        with tempfile.TemporaryDirectory(prefix="scanhub-rsync-") as name:
            private, empty = Path(name), Path(name) / "empty"
            empty.mkdir()
            asked = {
                "folder": (["--list-only", "--no-recursive", "--dirs"], [self._url("/")]),
                "write": (["--dry-run"], [f"{empty}/", self._url("/")]),
            }
            for name_of_step, (how, places) in asked.items():
                try:
                    await self._rsync(private, places, threading.Event(), how=how)
                except (RsyncError, OSError) as error:
                    failed = "login" if _NO_LOGIN in str(error) else name_of_step
                    return [*steps, TargetStep(name=failed, ok=False, detail=str(error))]
                steps.append(TargetStep(name=name_of_step, ok=True, detail="In order."))
        return steps

    def _url(self, place: str) -> str:
        target = self._target
        host = f"{target.user}@{bracketed(target.host)}:{target.port}"
        return f"rsync://{host}/{target.module}{target.folder}{place}"

    async def _rsync(
        self, private: Path, places: list[str], stop: threading.Event, *, how: Sequence[str] = ()
    ) -> None:
        (rsync,) = programs("rsync")
        target = self._target
        secret = []
        if target.password is not None:
            await asyncio.to_thread(write, private / "password", target.password.get_secret_value())
            secret = [f"--password-file={private / 'password'}"]
        usual = options(timeout_s=self._timeout_s, bytes_per_s=target.max_bytes_per_s)
        patience = f"--contimeout={int(self._connect_timeout_s) + 1}"
        await run(rsync, [*usual, *how, patience, *secret, "--", *places], environment(), stop)


def _prepare(private: Path, items: Sequence[Item]) -> list[Path]:
    """Return the folders to bring, one after the other: the images, then the word."""
    images, word = private / "images", private / "word"
    link(items, images)
    word.mkdir()
    (word / COMPLETE).touch()
    return [images, word]
