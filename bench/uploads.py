"""Files into the lake, over HTTP and over the websocket, against a plain copy of the same file.

The plain copy is the limit: sha256 at the sender, TCP over the loopback, sha256 at the receiver,
write, sync. All three are measured in each round, in an order that changes, so that what else the
machine does, and what one leaves behind for the next, hits them alike.
Each begins when the server has come to rest: what follows from a file after the verdict on it
(record, journal) counts in its CPU time, and not in the speed of what happens to be measured next.
"""

import asyncio
import hashlib
import os
import resource
import shutil
import socket
import statistics
import threading
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom

from bench.device import BareDevice, Message
from bench.measure import Row, latency_row
from bench.rows import start_task, stop_task
from scanhub.demo.data import DemoApi, DemoData
from scanhub_device import ClientSettings
from scanhub_device._connections import Connections
from scanhub_device._http import HttpUpload
from scanhub_device._sum import Checksum, with_trailer
from scanhub_device._upload import _chunks
from scanhub_device.messages import FileTransfer

MB = 1_000_000
SIZES = {16 * MB: 31, 512 * MB: 3}
LARGE = {10_000 * MB: 1}
_BAR = 0.8
_WARM_UP = 1
_LARGEST_WARM_UP = 1000 * MB
"""Rounds that do not count: the first upload of a server loads what it needs."""
_CHUNK = 1 << 20
_FLAT_BYTES = 64 << 20
_STOPS = 10
_REST_SECONDS = 1.0
_random = SystemRandom()


@dataclass
class Way:
    """What one way of sending a file has cost."""

    mb_s: list[float] = field(default_factory=list)
    server_cpu: list[float] = field(default_factory=list)
    sender_cpu: list[float] = field(default_factory=list)
    grown: list[int] = field(default_factory=list)

    @property
    def speed(self) -> float:
        """Median speed [MB/s]."""
        return statistics.median(self.mb_s)

    def figures(self, name: str) -> dict[str, float]:
        """Return what goes into the JSON file; CPU time in seconds for a gigabyte."""
        return {
            f"{name}_mb_s": self.speed,
            f"{name}_server_cpu_s_per_gb": statistics.median(self.server_cpu),
            f"{name}_sender_cpu_s_per_gb": statistics.median(self.sender_cpu),
            f"{name}_server_grown_bytes": max(self.grown),
        }


async def _measure(way: Way, size: int, server: int | None, sending: Awaitable[None]) -> None:
    """Measure one transfer: time, CPU time of both ends, growth of the server."""
    gigabytes, resident = size / 1e9, _forget_peak(server)
    server_cpu, own_cpu = _cpu_of(server), _own_cpu()
    began = time.perf_counter()
    await sending
    way.mb_s.append(size / MB / (time.perf_counter() - began))
    await asyncio.sleep(_REST_SECONDS)
    way.server_cpu.append((_cpu_of(server) - server_cpu) / gigabytes)
    way.sender_cpu.append((_own_cpu() - own_cpu) / gigabytes)
    way.grown.append(_peak_of(server) - resident)


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _cpu_of(pid: int | None) -> float:
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_of(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


def _forget_peak(pid: int | None) -> int:
    """Let the peak of the memory begin anew; return what is used now."""
    if pid is None:
        return 0
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _memory_of(pid, "VmRSS")


def _peak_of(pid: int | None) -> int:
    return 0 if pid is None else _memory_of(pid, "VmHWM")


def _make_file(path: Path, size: int) -> None:
    block = os.urandom(16 * MB)
    with path.open("wb") as file:
        for number in range(0, size, len(block)):
            file.write(number.to_bytes(8, "little"))
            file.write(block[8 : min(len(block), size - number)])


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SystemExit(
            f"{folder} has {free / 1e9:.0f} GB free, these files need {needed / 1e9:.0f}: "
            "make room, or leave out --large."
        )


def _plain_copy(path: Path, folder: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def send() -> None:
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256").hexdigest()
            with socket.create_connection(listener.getsockname()) as sender:
                sender.sendfile(file, 0)

    thread = threading.Thread(target=send)
    thread.start()
    connection, _ = listener.accept()
    digest, buffer = hashlib.sha256(), memoryview(bytearray(_CHUNK))
    with connection, listener, (folder / "plain.bin").open("wb", 0) as copy:
        while size := connection.recv_into(buffer):
            digest.update(buffer[:size])
            copy.write(buffer[:size])
        os.fsync(copy.fileno())
    thread.join()
    (folder / "plain.bin").unlink()


async def _over_http(
    url: str, path: Path, payload: Message, filename: str, connections: Connections
) -> None:
    job = _job(url, path, payload, filename, connections)
    answer = await asyncio.to_thread(job.attempt)
    if answer.result_id is None:
        raise RuntimeError(f"the upload failed: {answer}")


def _job(
    url: str, path: Path, payload: Message, filename: str, connections: Connections
) -> HttpUpload:
    header, checksum = _header(payload, path, filename), Checksum(path, None)
    settings = ClientSettings()
    return HttpUpload(url, path, header, checksum, settings=settings, connections=connections)


def _header(payload: Message, path: Path, filename: str) -> FileTransfer:
    return FileTransfer(
        task_id=payload["id"],
        user_access_token=payload["access_token"],
        filename=filename,
        size_bytes=path.stat().st_size,
        content_type="application/octet-stream",
    )


async def _over_link(device: BareDevice, path: Path, payload: Message, filename: str) -> None:
    checksum = Checksum(path, None)
    await device.send(**with_trailer(_header(payload, path, filename)).model_dump())
    async for chunk in _chunks(path, ClientSettings().chunk_bytes):
        await device.link.send(chunk)
    await device.link.send(await asyncio.to_thread(checksum.trailer))
    while True:
        _, verdict = await device.expect("feedback", 600.0)
        if verdict.get("filename") == filename:
            break
    if not verdict["ok"]:
        raise RuntimeError(f"the upload failed: {verdict}")


async def _start(api: DemoApi, data: DemoData, device: BareDevice) -> Message:
    """Start a task of its own, on which nothing follows; many files belong to it."""
    new = {"patient_id": str(data.patient_id), "name": "Files", "indication": "bench"}
    exam = await api.call("POST", "/exam/new", json=new)
    workflow = await api.call(
        "POST", "/exam/workflow/new", json={"exam_id": exam["id"], "name": "Files"}
    )
    task = await api.call(
        "POST",
        "/exam/task/new",
        json={
            "workflow_id": workflow["id"],
            "name": "Files",
            "task_type": "ACQUISITION",
            "device_id": str(data.device_id),
            "calibration": ["frequency"],
        },
    )
    trigger = api.call("POST", f"/workflowmanager/trigger_task/{task['id']}/")
    triggered = asyncio.create_task(trigger)
    _, start = await device.expect("start")
    payload: Message = start["data"]
    await device.send(
        command="ack", task_id=payload["id"], acquisition_id=payload["acquisition_id"]
    )
    await triggered
    return payload


async def uploads(
    api: DemoApi,
    data: DemoData,
    device: BareDevice,
    *,
    url: str,
    pid: int,
    folder: Path,
    sizes: dict[int, int],
) -> list[Row]:
    """Measure files of some sizes, each way and plain, in turn."""
    payload = await _start(api, data, device)
    address = f"{url}{payload['upload_url']}"
    table = []
    with Connections(ClientSettings(), None) as connections:  # as a device has them
        for size, times in sizes.items():
            path = folder / "raw.bin"
            ways = {"plain": Way(), "http": Way(), "link": Way()}
            warm_up = _WARM_UP if size <= _LARGEST_WARM_UP else 0
            _check_room(folder, size * (1 + 2 * (times + warm_up) + 1))
            await asyncio.to_thread(_make_file, path, size)
            for number in range(times + warm_up):
                if number == warm_up:
                    ways = {name: Way() for name in ways}
                for name in _random.sample(list(ways), len(ways)):
                    if name == "plain":
                        sending = asyncio.to_thread(_plain_copy, path, folder)
                    elif name == "http":
                        about = (address, path, payload, f"h{size}-{number}")
                        sending = _over_http(*about, connections)
                    else:
                        sending = _over_link(device, path, payload, f"w{size}-{number}")
                    server = None if name == "plain" else pid
                    await _measure(ways[name], size, server, sending)
            path.unlink()
            table += _rows(size, ways["plain"], ways["http"], ways["link"])
    return table


def _rows(size: int, plain: Way, http: Way, link: Way) -> list[Row]:
    rows = []
    for name, way in (("HTTP", http), ("websocket", link)):
        ratio = way.speed / plain.speed
        figures = way.figures(name)
        used = figures[f"{name}_server_cpu_s_per_gb"] + figures[f"{name}_sender_cpu_s_per_gb"]
        grown = max(way.grown)
        rows.append(
            Row(
                f"upload over {name}, {size // MB} MB",
                f"{way.speed:.0f} MB/s = {ratio:.2f} x plain copy; {used:.2f} CPU s/GB; "
                f"peak +{grown / MB:.0f} MB",
                f">= {_BAR:.2f} x plain copy, peak < +{_FLAT_BYTES / MB:.0f} MB",
                ratio >= _BAR and grown < _FLAT_BYTES,
                f"plain copy {plain.speed:.0f} MB/s, "
                f"{statistics.median(plain.sender_cpu):.2f} CPU s/GB",
                {"plain_mb_s": plain.speed, "ratio": ratio, **figures},
            )
        )
    return rows


async def stops(api: DemoApi, data: DemoData, device: BareDevice, *, url: str, folder: Path) -> Row:
    """Measure how long a stop takes to the device while a file of its scan comes over HTTP."""
    path, seconds = folder / "raw.bin", []
    await asyncio.to_thread(_make_file, path, 256 * MB)
    connections = Connections(ClientSettings(), None)
    for number in range(_STOPS):
        _, start = await start_task(api, data, device)
        payload = start["data"]
        job = _job(f"{url}{payload['upload_url']}", path, payload, f"{number}", connections)
        sending = asyncio.create_task(asyncio.to_thread(job.attempt))
        await asyncio.sleep(0.2)
        seconds.append(await stop_task(api, data, device))
        job.cancel()
        await asyncio.wait({sending})
        sending.exception()
        await asyncio.sleep(1.0)  # until the records have ended it too
    connections.close()
    path.unlink()
    return latency_row("stop during a full-speed upload over HTTP", seconds, None, 50)
