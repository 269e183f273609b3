"""The websocket behind a link: what is sent waits in a queue, so that nobody waits to send."""

import asyncio
import time
from collections import deque
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from starlette.websockets import WebSocket, WebSocketDisconnect

from device_manager.links.commands import (
    Calibrate,
    Feedback,
    ParameterUpdate,
    Pause,
    Pong,
    Resume,
    Start,
    Stop,
)
from device_manager.links.link import LinkClosedError
from device_manager.links.protocol import CloseCode
from scanhub_libraries.clock import utc_now
from scanhub_libraries.models import AcquisitionPayload, CalibrationType

_MOST_WAITING = 10_000
_STUCK = "the device does not take in what it is sent"
_SLOWEST = 256 * 1024
"""The slowest network that a device may have [byte/s]; a start may have some megabytes."""
_SEND_SECONDS = 1.5
"""Time in which a command must be on its way; a stop that cannot be sent is known within 2 s."""
_PONG = Pong().to_json()
_Sent = asyncio.Future[None]


class WebsocketLink:
    """A DeviceLink over a websocket that has been accepted."""

    def __init__(
        self,
        websocket: WebSocket,
        device_id: UUID,
        *,
        home_version: int = 0,
        token_rotated_at: datetime | None = None,
    ) -> None:
        self._websocket = websocket
        self._device_id = device_id
        self._home_version = home_version
        self._token_rotated_at = token_rotated_at
        self._waiting: deque[tuple[str, _Sent | None]] = deque()
        self._woken = asyncio.Event()
        self._to_be_closed = asyncio.Event()
        self._drained_by = 0.0
        self._closing: str | None = None
        self._code = CloseCode.POLICY_VIOLATION
        self._closed = False
        self._registered = False
        self._parameter_version = 0
        self._capabilities: frozenset[str] = frozenset()
        self.last_heard = time.monotonic()
        self.sends_heartbeats = False

    @property
    def device_id(self) -> UUID:
        """Whose link it is."""
        return self._device_id

    @property
    def home_version(self) -> int:
        """Which homecoming of the device opened it."""
        return self._home_version

    @property
    def token_rotated_at(self) -> datetime | None:
        """When the token was made with which it was opened."""
        return self._token_rotated_at

    @property
    def parameter_version(self) -> int:
        """Which version of its parameters the device has, as far as is known."""
        return self._parameter_version

    @property
    def registered(self) -> bool:
        """Say whether the device has introduced itself."""
        return self._registered

    @property
    def capabilities(self) -> frozenset[str]:
        """Commands beyond version 1 that the device knows."""
        return self._capabilities

    @property
    def last_heard_at(self) -> datetime:
        """When the device was last heard."""
        return utc_now() - timedelta(seconds=time.monotonic() - self.last_heard)

    @property
    def fell_silent(self) -> bool:
        """Say whether it was closed because nothing was heard any more."""
        return self._closing is not None and self._code is CloseCode.SILENT

    @property
    def is_closing(self) -> bool:
        """Say whether the link is at its end, whatever may still come in."""
        return self._closed or self.is_ended_here

    @property
    def is_ended_here(self) -> bool:
        """Say whether it was decided here that the link ends: nothing counts that comes later."""
        return self._closing is not None

    def introduced(self, capabilities: list[str]) -> None:
        """The device has registered."""
        self._registered = True
        self._capabilities = frozenset(capabilities)
        self._parameter_version = 0

    async def start(self, payload: AcquisitionPayload) -> None:
        """Send a scan to the device."""
        await self._send(Start(data=payload).to_json())

    async def stop(self, task_id: UUID | None, acquisition_id: UUID | None) -> None:
        """Send a stop, before anything else that waits."""
        message = Stop(task_id=task_id, acquisition_id=acquisition_id)
        await self._send(message.to_json(), urgent=True)

    async def pause(self, task_id: UUID, acquisition_id: UUID) -> None:
        """Send a pause."""
        await self._send(Pause(task_id=task_id, acquisition_id=acquisition_id).to_json())

    async def resume(self, task_id: UUID, acquisition_id: UUID) -> None:
        """Send that the scan is to go on."""
        await self._send(Resume(task_id=task_id, acquisition_id=acquisition_id).to_json())

    async def calibrate(
        self, calibration_id: UUID, kind: CalibrationType, device_parameter: dict[str, Any]
    ) -> None:
        """Send that the device is to calibrate."""
        message = Calibrate(
            calibration_id=calibration_id, kind=kind, device_parameter=device_parameter
        )
        await self._send(message.to_json())

    def knows_parameter(self, version: int) -> None:
        """The device has said which version it has."""
        self._parameter_version = version

    def update_parameter(self, parameter: dict[str, Any], version: int) -> None:
        """Send parameters, unless newer ones have been sent."""
        if version > self._parameter_version:
            self._parameter_version = version
            self._put(ParameterUpdate(parameter=parameter, version=version).to_json())

    def tell(self, feedback: Feedback) -> None:
        """Send feedback."""
        self._put(feedback.to_json())

    def pong(self) -> None:
        """Answer a heartbeat."""
        self._put(_PONG)

    def close(self, reason: str, code: CloseCode = CloseCode.POLICY_VIOLATION) -> None:
        """End the link after what waits has been sent."""
        if self._closing is None:
            self._closing, self._code = reason, code
        self._woken.set()
        self._to_be_closed.set()

    async def wait_closing(self) -> None:
        """Wait until it has been decided here that the link ends."""
        await self._to_be_closed.wait()

    async def run(self) -> None:
        """Send what there is to send, until the link ends."""
        try:
            while self._closing is None:
                await self._woken.wait()
                self._woken.clear()
                await self._send_waiting()
            await self._websocket.close(self._code, self._closing)
        except (WebSocketDisconnect, RuntimeError, OSError):
            pass  # the device is gone, and the reader hears of it too
        finally:
            self._end()

    async def _send_waiting(self) -> None:
        while self._waiting:
            text, sent = self._waiting.popleft()
            try:
                await self._websocket.send_text(text)
            except BaseException:
                _fail(sent)
                raise
            # It lies in buffers by now: over a slow network they take their time.
            now = time.monotonic()
            self._drained_by = max(self._drained_by, now) + len(text) / _SLOWEST
            if sent is not None and not sent.done():
                sent.set_result(None)

    def _end(self) -> None:
        self._closed = True
        while self._waiting:
            _fail(self._waiting.popleft()[1])

    def _put(self, text: str, sent: _Sent | None = None, *, urgent: bool = False) -> None:
        if self._closed:
            _fail(sent)
            return
        if len(self._waiting) >= _MOST_WAITING and not urgent:
            self.close("the device does not read what it is sent", CloseCode.NOT_READING)
        if urgent:
            self._waiting.appendleft((text, sent))
        else:
            self._waiting.append((text, sent))
        self._woken.set()

    async def _send(self, text: str, *, urgent: bool = False) -> None:
        sent: _Sent = asyncio.get_running_loop().create_future()
        before = 0 if urgent else sum(len(waiting) for waiting, _ in self._waiting)
        slack = max(self._drained_by - time.monotonic(), 0.0) + (before + len(text)) / _SLOWEST
        self._put(text, sent, urgent=urgent)
        try:
            async with asyncio.timeout(_SEND_SECONDS if urgent else _SEND_SECONDS + slack):
                await asyncio.shield(sent)
        except TimeoutError:
            if not urgent or slack < _SEND_SECONDS:  # else it may be on its way, and still arrive
                self.close(_STUCK, CloseCode.NOT_READING)
            raise LinkClosedError(_STUCK) from None


def _fail(sent: _Sent | None) -> None:
    if sent is not None and not sent.done():
        sent.set_exception(LinkClosedError("the link broke"))
