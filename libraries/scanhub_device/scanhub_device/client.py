"""The client that keeps a scanner connected to its server."""

import asyncio
import json
import logging
import ssl as ssl_module
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidURI, WebSocketException
from websockets.uri import parse_uri

from scanhub_device._delivery import Delivery, DirectDelivery, QueuedDelivery
from scanhub_device._endings import Ending, Kind, delay_s, of_close, of_error
from scanhub_device._http import address_of
from scanhub_device._link import Link, open_link
from scanhub_device._parameters import Parameters
from scanhub_device._runner import ScanRunner
from scanhub_device._spool import Spool
from scanhub_device._tls import tls_of
from scanhub_device._upload import Uploads
from scanhub_device.errors import CertificateError, LinkLostError
from scanhub_device.messages import (
    SERVER_MESSAGE,
    Calibrate,
    DeviceParameterUpdate,
    Feedback,
    Message,
    ParameterUpdate,
    Pause,
    Ping,
    Register,
    RegisterData,
    Resume,
    ServerMessage,
    Start,
    StartPayload,
    Stop,
    UpdateStatus,
)
from scanhub_device.scan import Scan
from scanhub_device.scanner import ParameterListener, Scanner, capabilities_of
from scanhub_device.settings import ClientSettings
from scanhub_device.state import DeviceEvent, DeviceState, next_state
from scanhub_device.stream import StreamTarget
from scanhub_device.sync import SyncScanner, as_scanner

_logger = logging.getLogger(__name__)
_PASSING = (Kind.LINK, Kind.RESTART)


class DeviceClient:
    """Keeps a scanner connected, hands it its scans and reports on them.

    Args:
        url: websocket of the server, `wss://host/api/v1/device/ws`.
        device_id: who the device is.
        device_token: how it proves it.
        scanner: what plays the scans.
        settings: times and sizes.
        ssl: in place of the certificates that the settings name.
        parameter_file: where the parameters of the device outlive its program (JSON).
        spool: folder of a queue on the disk, in which files outlive a crash until the server has
            them; for one program at a time.

    Raises:
        ValueError: the address is not one of a websocket.
        CertificateError: a certificate or key that the settings name cannot be used.
        SpoolError: the folder of the queue cannot be used.
    """

    def __init__(
        self,
        url: str,
        device_id: str,
        device_token: str,
        scanner: Scanner | SyncScanner,
        *,
        settings: ClientSettings | None = None,
        ssl: ssl_module.SSLContext | None = None,
        parameter_file: Path | None = None,
        spool: Path | None = None,
    ) -> None:
        try:
            parse_uri(url)
        except InvalidURI as error:  # now, not as a server to wait for
            raise ValueError(str(error)) from error
        self._url = url
        self._headers = {"Device-Id": device_id, "Device-Token": device_token}
        self._scanner = scanner = as_scanner(scanner)
        self._settings = settings or ClientSettings()
        self._tls = tls_of(url, self._settings) if ssl is None else None
        self._ssl = ssl = self._tls.context if self._tls is not None else ssl
        self._state = DeviceState.OFFLINE
        self._link = Link()
        self._uploads = Uploads(self._link, self._settings, url, ssl)
        self._spool = Spool(spool, self._settings.spool_max_bytes) if spool else None
        self._delivery: Delivery = DirectDelivery(self._uploads)
        if self._spool is not None:
            self._delivery = QueuedDelivery(self._spool, self._uploads, self._settings)
        self._runner = ScanRunner(
            scanner, self._make_scan, self._deliver, self._happened, self._delivery
        )
        self._parameters = Parameters(scanner.details.parameter, parameter_file)
        self._listening: asyncio.Task[None] | None = None
        self._undelivered: list[Message] = []
        self._closing = asyncio.Event()
        self._tries = 0
        self._told_lost: Kind | None = None  # a link lost and a link back are each told once
        self._told_up = False

    @property
    def state(self) -> DeviceState:
        """State of the device."""
        return self._state

    @property
    def parameter(self) -> dict[str, Any]:
        """Parameters of the device, the newest that are known."""
        return dict(self._parameters.parameter)

    @property
    def parameter_version(self) -> int | None:
        """Their version on the server; None: not told yet."""
        return self._parameters.version

    async def run(self) -> None:
        """Stay connected until `close` is called or this is cancelled."""
        left = await self._recover()
        connection = asyncio.create_task(self._stay_connected())
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait({connection, closing}, return_when=asyncio.FIRST_COMPLETED)
            if connection.done():
                connection.result()
        finally:
            self._closing.set()
            await self._runner.shut_down(self._settings.shutdown_s)
            await self._link.close()
            tasks = {connection, closing, *filter(None, [self._listening, left])}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self._uploads.close()
            if self._spool is not None:
                self._spool.close()

    async def _recover(self) -> asyncio.Task[None] | None:
        """Take up what an earlier program has left in the queue."""
        if not isinstance(self._delivery, QueuedDelivery):
            return None
        broken, lost = await self._delivery.recover()
        if broken is not None:
            self._runner.remember(broken.task_id, broken.acquisition_id)
        if lost is not None:
            self._undelivered += [lost, UpdateStatus(status=DeviceState.ONLINE)]
        return asyncio.create_task(self._delivery.deliver_left())

    def close(self) -> None:
        """Let `run` end: a running scan is stopped and reported as failed."""
        self._closing.set()

    async def recover(self) -> None:
        """Say that the scanner is well again after a ScannerFaultError."""
        await self._runner.recover()

    async def update_parameter(self, parameter: dict[str, Any], comment: str = "") -> None:
        """Tell the server that the device has changed its parameters: all of them, anew.

        The server has the last word: when it has taken them, they come back as
        `parameter_changed`, and `parameter` has them. It refuses them if somebody else was faster
        or if they do not follow the schema of the device; the reason is logged.

        Raises:
            TypeError: they are not plain numbers, texts, lists and dictionaries.
        """
        json.dumps(parameter)  # what cannot be told is an error here and now
        changed = DeviceParameterUpdate(
            parameter=parameter, base_version=self._parameters.version, comment=comment
        )
        if self._parameters.version is None:  # a server that keeps none: nothing will come back
            self._parameters.take(parameter, None)
            await self._parameters.save()
        await self._deliver(changed)

    async def _stay_connected(self) -> None:
        while True:
            ending = await self._connect_once()
            if self._closing.is_set():
                return
            if self._told_lost != ending.kind:
                self._told_lost = ending.kind
                level = logging.WARNING if ending.kind in _PASSING else logging.ERROR
                _logger.log(level, "no link to %s: %s; going on trying", self._url, ending.reason)
            await asyncio.sleep(delay_s(ending, self._tries, self._settings))
            self._tries += 1

    async def _connect_once(self) -> Ending:
        """Connect and serve until the link ends; returns why it ended."""
        if self._tls is not None:
            try:
                await asyncio.to_thread(self._tls.refresh)
            except CertificateError as error:  # half of it may be written by now
                _logger.warning("the certificate from before is used: %s", error)
        try:
            async with open_link(self._url, self._headers, self._settings, self._ssl) as websocket:
                return await self._serve(websocket)
        except (OSError, TimeoutError, WebSocketException) as error:
            return of_error(error)

    async def _serve(self, websocket: ClientConnection) -> Ending:
        self._link.attach(websocket)
        heartbeat = asyncio.create_task(self._heartbeat())
        try:
            with suppress(ConnectionClosed, LinkLostError):
                await self._introduce()
                async for frame in websocket:
                    await self._take(frame)
            return of_close(websocket.close_code, websocket.close_reason)
        finally:
            heartbeat.cancel()
            self._link.detach()
            self._uploads.link_lost()
            if self._state is not DeviceState.OFFLINE:
                self._happened(DeviceEvent.LINK_LOST)

    async def _introduce(self) -> None:
        runner = self._runner
        if runner.fault is not None:
            event = DeviceEvent.CONNECTED_FAULTY
        elif runner.busy:
            event = DeviceEvent.CONNECTED_SCANNING
        else:
            event = DeviceEvent.CONNECTED
        status = next_state(self._state, event)
        details = self._scanner.details.model_dump(exclude={"parameter"})
        data = RegisterData(
            **details,
            status=status,
            capabilities=capabilities_of(self._scanner),
            parameter=self._parameters.parameter,
            parameter_version=self._parameters.version,
        )
        await self._link.send(Register(data=data))
        self._happened(event)
        while self._undelivered:
            await self._link.send(self._undelivered[0])
            self._undelivered.pop(0)
        await runner.tell_again(self._link.send)
        self._link.open_for_uploads()

    async def _heartbeat(self) -> None:
        with suppress(LinkLostError):
            while True:
                await asyncio.sleep(self._settings.heartbeat_s)
                await self._link.send(Ping())

    async def _take(self, frame: str | bytes) -> None:
        if not self._told_up or self._told_lost is not None:
            _logger.info("connected to %s", self._url)
        self._tries, self._told_lost, self._told_up = 0, None, True
        try:
            message: ServerMessage = SERVER_MESSAGE.validate_json(frame)
        except ValidationError as error:
            await self._take_unknown(frame, error)
            return
        try:
            await self._handle(message)
        except LinkLostError:
            raise
        except Exception:  # whatever the scanner does: a stop may be the next message
            _logger.exception("%s could not be carried out", message.command)

    async def _handle(self, message: ServerMessage) -> None:
        match message:
            case Start():
                await self._runner.start(message.data, self._link.send)
            case Stop():
                await self._runner.stop(message.task_id, message.acquisition_id)
            case Pause() | Resume():
                await self._runner.pause(message.task_id, rest=isinstance(message, Pause))
            case Calibrate():
                await self._runner.calibrate(message)
            case ParameterUpdate():
                self._take_parameters(message)
            case Feedback():
                self._take_feedback(message)

    def _take_parameters(self, message: ParameterUpdate) -> None:
        """Nothing is waited for here: a stop may be the next message."""
        self._parameters.take(message.parameter, message.version)
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._pass_parameters_on())

    async def _pass_parameters_on(self) -> None:
        """Keep them; tell the scanner when nothing runs, of several changes the last."""
        told: int | None = None
        while self._parameters.version not in (None, told):
            try:
                await self._parameters.save()
            except OSError:
                _logger.exception("the parameters cannot be kept")
            await self._runner.wait_idle()
            told = self._parameters.version
            if isinstance(self._scanner, ParameterListener) and told is not None:
                try:
                    await self._scanner.parameter_changed(self.parameter, told)
                except Exception:
                    _logger.exception("the scanner cannot take its parameters")

    def _take_feedback(self, feedback: Feedback) -> None:
        if not self._uploads.take_feedback(feedback):
            level = logging.WARNING if feedback.ok is False else logging.DEBUG
            _logger.log(level, "server: %s", feedback.message)

    async def _take_unknown(self, frame: str | bytes, error: ValidationError) -> None:
        """A start that cannot be read is refused by name; anything else is left alone."""
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
        )
        try:
            document = json.loads(frame)
        except ValueError:
            document = None
        if not isinstance(document, dict) or document.get("command") != "start":
            _logger.debug("message not understood: %s", problems)
            return
        data = document.get("data")
        if isinstance(data, dict) and data.get("id"):
            payload = StartPayload(
                id=str(data["id"]), access_token=str(data.get("access_token", ""))
            )
            reason = f"the start message cannot be read: {problems}"
            await self._deliver(self._make_scan(payload).error_status(reason))
            await self._deliver(self._runner.status())

    def _make_scan(self, payload: StartPayload) -> Scan:
        send: Callable[[Message], Awaitable[None]] = self._link.send
        url = address_of(self._url, payload.stream_url)
        target = None
        if url is not None:
            target = StreamTarget(url, payload.access_token, payload.id, self._settings, self._ssl)
        return Scan(payload, send, self._delivery, self._parameters.parameter, target)

    async def _deliver(self, message: Message) -> None:
        """Send now, or as soon as there is a link again."""
        try:
            await self._link.send(message)
        except LinkLostError:
            self._undelivered.append(message)

    def _happened(self, event: DeviceEvent) -> None:
        self._state = next_state(self._state, event)
