"""The simulated scanner as a program."""

import asyncio
import signal
from pathlib import Path

from scanhub_device.client import DeviceClient
from scanhub_device.credentials import load_credentials
from scanhub_device.simulator.acquire import SimulatorSettings
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

    Raises:
        CredentialsError: the credentials file cannot be used.
        ValueError: the address is not one of a websocket.
    """
    known = load_credentials(credentials)
    settings = SimulatorSettings(coils=coils, noise=noise, time_scale=time_scale, seed=seed)
    scanner = SimulatedScanner(settings, data_dir=data_dir, name=name)

    async def main() -> None:
        client = DeviceClient(url, known.device_id, known.device_token.get_secret_value(), scanner)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, client.close)
        await client.run()

    asyncio.run(main())
