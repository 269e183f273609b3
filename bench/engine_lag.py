"""Who waits while reconstructions are computed: the server, asked something trivial, and its loop.

A bare server of one coroutine is asked by turns: what it waits, the machine had no time for.
"""

import asyncio
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import uvloop

from bench.engine_lab import AT_ONCE, METRICS_KEY, Lab
from bench.measure import Row, spread_ms
from bench.reconstruction import write_volume
from scanhub.demo.processes import free_port, start

_EVERY_S = 0.02
_P99_MS = 20.0
_READINESS = "/api/v1/workflowmanager/health/readiness"
_METRIC = 'scanhub_event_loop_lag_seconds{quantile="0.99"}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"
_READY_S = 30.0


class _Asking:
    """Asks servers something trivial by turns, in a thread that does nothing else."""

    def __init__(self, *ports: int) -> None:
        self._request = f"GET {_READINESS} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
        self._ports = ports
        self._ended = threading.Event()
        self._seconds: list[list[float]] = [[] for _ in ports]
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    async def stop(self) -> list[list[float]]:
        """End; return how long each answer took, of each server [s]."""
        self._ended.set()
        await asyncio.to_thread(self._thread.join)
        return self._seconds

    def _ask(self) -> None:
        links = [socket.create_connection(("127.0.0.1", port)) for port in self._ports]
        while not self._ended.wait(_EVERY_S):
            for link, seconds in zip(links, self._seconds, strict=True):
                began = time.perf_counter()
                link.sendall(self._request)
                answer = b""
                while not answer.endswith(b"}"):
                    answer += link.recv(65_536)
                seconds.append(time.perf_counter() - began)
        for link in links:
            link.close()


async def lag_row(lab: Lab, folder: Path, *, quick: bool) -> Row:
    """Measure how long the server takes to answer while four volumes are reconstructed."""
    volume = folder / "volume.mrd"
    await asyncio.to_thread(write_volume, volume)
    tasks = [lab.data.reconstruction_task_id]
    tasks += [await _another_task(lab, number) for number in range(1, AT_ONCE)]
    async with _bare_server(folder) as bare_port:
        alone = (await _answers(lab.port, 2.0))[0]
        mark = len(lab.follower.events)
        await lab.measure(await asyncio.to_thread(volume.read_bytes), "volume.mrd")
        await _all_told(lab, mark, "run.started")
        asking = _Asking(lab.port, bare_port)
        asking.start()
        if quick:
            await asyncio.sleep(10.0)
        else:
            await _all_told(
                lab, mark, "run.succeeded"
            )  # looking for it would be work for the server
        ours, bare = await asking.stop()
        loop_ms = 1000 * await _loop_lag(lab)
        await asyncio.gather(*(lab.ended(task, 1) for task in tasks[1:]))
    return _row(ours, bare, alone, loop_ms)


def _row(ours: list[float], bare: list[float], alone: list[float], loop_ms: float) -> Row:
    """Return the row: where the machine lets a bare server wait, the bar is so much higher."""
    figures, floor, before = spread_ms(ours), spread_ms(bare), spread_ms(alone)
    bar = round(_P99_MS + floor["p99_ms"], 1)
    more = {f"bare_{name}": value for name, value in floor.items()}
    more |= {f"alone_{name}": value for name, value in before.items()}
    return Row(
        "a trivial request while four volumes are reconstructed",
        f"median {figures['median_ms']:.1f} ms, p99 {figures['p99_ms']:.1f} ms; "
        f"event loop p99 {loop_ms:.1f} ms late",
        f"p99 < {_P99_MS:g} ms more than a bare server ({bar:g} ms)",
        holds=figures["p99_ms"] < bar,
        peer=f"a bare server meanwhile: median {floor['median_ms']:.1f} ms, "
        f"p99 {floor['p99_ms']:.1f} ms; ours with nothing to do: p99 {before['p99_ms']:.1f} ms",
        detail={**figures, **more, "loop_p99_ms": loop_ms},
    )


async def _loop_lag(lab: Lab) -> float:
    """Return how late the loop of the server was within the last minute, its p99 [s]."""
    headers = {"Authorization": f"Bearer {METRICS_KEY}"}
    answer = await lab.api.http.get("/api/v1/workflowmanager/metrics", headers=headers)
    answer.raise_for_status()
    line = next(line for line in answer.text.splitlines() if line.startswith(_METRIC))
    return float(line.split()[-1])


async def _answers(port: int, seconds: float) -> list[list[float]]:
    asking = _Asking(port)
    asking.start()
    await asyncio.sleep(seconds)
    return await asking.stop()


async def _all_told(lab: Lab, mark: int, kind: str) -> None:
    """Wait until the stream of events has told this of each reconstruction."""
    told = 0

    def is_last(event: dict[str, Any]) -> bool:
        nonlocal told
        told += int(event["type"] == kind)
        return told == AT_ONCE

    await lab.follower.wait_for(is_last, _failure, 600.0, f"{AT_ONCE} times {kind}", after=mark)


def _failure(event: dict[str, Any]) -> str | None:
    return str(event["data"]) if event["type"] == "run.failed" else None


async def _another_task(lab: Lab, number: int) -> UUID:
    """Plan one more reconstruction of the same scan."""
    task = await lab.api.call("GET", f"/exam/task/{lab.data.reconstruction_task_id}")
    body = {
        "name": f"Reconstruction {number}",
        "task_type": "DAG",
        "dag_type": "RECONSTRUCTION",
        "dag_id": task["dag_id"],
        "input_task_ids": task["input_task_ids"],
        "workflow_id": task["workflow_id"],
    }
    return UUID((await lab.api.call("POST", "/exam/task/new", json=body))["id"])


# --- the bare server ------------------------------------------------------------------------------


@asynccontextmanager
async def _bare_server(folder: Path) -> AsyncIterator[int]:
    port = free_port()
    server = await start("bare", ["bench.engine_lag", str(port)], folder)
    try:
        async with asyncio.timeout(_READY_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    server.check_alive()
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield port
    finally:
        await server.stop()


async def _serve(port: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            writer.write(_ANSWER)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
