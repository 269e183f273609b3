"""The simulated scanner as a program."""

import asyncio
import signal
import ssl as ssl_module
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from scanhub_device._tls import tls_of
from scanhub_device.client import DeviceClient
from scanhub_device.credentials import Credentials, load_credentials
from scanhub_device.settings import ClientSettings
from scanhub_device.simulator.acquire import SimulatorSettings
from scanhub_device.simulator.bad_link import BadLink
from scanhub_device.simulator.faults import Fault
from scanhub_device.simulator.magnet import Magnet
from scanhub_device.simulator.scanner import SimulatedScanner

_DEFAULTS = SimulatorSettings()


def run(
    url: str,
    credentials: Path,
    *,
    time_scale: float = _DEFAULTS.time_scale,
    coils: int = _DEFAULTS.coils,
    noise: float = _DEFAULTS.noise,
    seed: int = _DEFAULTS.seed,
    name: str = "Simulated scanner",
    data_dir: Path | None = None,
    spool: Path | None = None,
    misadjusted: int | None = None,
    stream: bool = _DEFAULTS.stream,
    faults: Sequence[str] = (),
    ca: Path | None = None,
    client_cert: Path | None = None,
    client_key: Path | None = None,
) -> None:
    """Keep a simulated scanner connected until SIGINT or SIGTERM; for the main thread.

    Args:
        url: websocket of the server, `ws://host:port/api/v1/device/ws`.
        credentials: the downloaded `device_credentials.json`.
        time_scale: 1 takes as long as the sequence, 0 as long as the computer needs.
        coils: receive coils.
        noise: in the image of a uniform coil, as a fraction of the brain's signal.
        seed: of the noise.
        name: what the scanner calls itself.
        data_dir: where raw data lies until the server has it.
        spool: folder of a queue on the disk, in which data outlives a crash.
        misadjusted: seed of a magnet that is out of adjustment, until it is calibrated.
        stream: send readouts while they are acquired, if the server offers it.
        faults: what goes wrong, as `link-loss@50%`; see `faults`.
        ca: who signed the certificate of the server, if the system does not know.
        client_cert: certificate of the device, if the server asks for one.
        client_key: its private key.

    Raises:
        CredentialsError: the credentials file cannot be used.
        CertificateError: a certificate or key cannot be used.
        SpoolError: the folder of the queue cannot be used.
        ValueError: the address is not one of a websocket, or a fault is none.
    """
    known = load_credentials(credentials)
    settings = SimulatorSettings(
        coils=coils,
        noise=noise,
        time_scale=time_scale,
        seed=seed,
        magnet=Magnet() if misadjusted is None else Magnet.out_of_adjustment(misadjusted),
        stream=stream,
        faults=tuple(Fault.parse(text) for text in faults),
    )
    scanner = SimulatedScanner(settings, data_dir=data_dir, name=name)
    link = ClientSettings(ca_file=ca, client_certificate=client_cert, client_key=client_key)
    asyncio.run(_connect(url, known, scanner, link=link, faults=settings.faults, spool=spool))


async def _connect(
    url: str,
    known: Credentials,
    scanner: SimulatedScanner,
    *,
    link: ClientSettings,
    faults: tuple[Fault, ...],
    spool: Path | None,
) -> None:
    token, tls = known.device_token.get_secret_value(), tls_of(url, link)
    async with _way_to(url, faults, tls.context if tls else None) as address:
        ours = link if address == url else ClientSettings()
        client = DeviceClient(address, known.device_id, token, scanner, settings=ours, spool=spool)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, client.close)
        await client.run()


@asynccontextmanager
async def _way_to(
    url: str, faults: tuple[Fault, ...], ssl: ssl_module.SSLContext | None
) -> AsyncIterator[str]:
    """The address to connect to: that of the server, or of a bad link to it."""
    if not any(fault.in_link for fault in faults):
        yield url
        return
    async with BadLink(url, faults, ssl=ssl) as link:
        yield link.url
