"""`python -m scanhub_device.simulator --url ws://... --credentials device_credentials.json`."""

import argparse
import logging
import sys
from pathlib import Path

from scanhub_device.errors import DeviceError
from scanhub_device.simulator.acquire import SimulatorSettings
from scanhub_device.simulator.faults import kinds
from scanhub_device.simulator.run import run


def main(arguments: list[str] | None = None) -> int:
    """Run the simulated scanner until it is told to end."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        run(**vars(options))
    except (DeviceError, ValueError) as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400 - a sentence, not a trace
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    defaults = SimulatorSettings()
    parser = argparse.ArgumentParser(
        prog="python -m scanhub_device.simulator",
        description="Connect a simulated scanner that plays Pulseq files.",
    )
    add = parser.add_argument
    add("--url", required=True, help="websocket of the server: ws://host:port/api/v1/device/ws")
    add("--credentials", required=True, type=Path, help="device_credentials.json")
    add("--ca", type=Path, help="certificate of who signed the server's, if the system has not")
    add("--client-cert", type=Path, help="certificate of this device, if the server asks for one")
    add("--client-key", type=Path, help="its private key")
    add("--time-scale", type=_not_negative, default=1.0, help="1: real time, 0: as fast as can be")
    add("--coils", type=int, choices=range(1, 65), metavar="1..64", default=defaults.coils)
    add("--noise", type=_not_negative, default=defaults.noise, help="relative to the signal")
    add("--seed", type=int, default=defaults.seed, help="of the noise")
    add("--name", default="Simulated scanner", help="what the scanner calls itself")
    add("--data-dir", type=Path, help="where raw data lies until the server has it")
    add("--spool", type=Path, help="folder of a queue in which raw data outlives a crash")
    add("--misadjusted", type=int, metavar="SEED", help="a magnet that calibrations have to adjust")
    add("--no-stream", dest="stream", action="store_false", help="send no readouts before the end")
    add(
        "--fault",
        dest="faults",
        action="append",
        default=[],
        metavar="KIND[=VALUE][@[upload:]PERCENT%]",
        help=f"what goes wrong in every scan; may be given several times. {kinds()}".replace(
            "%", "%%"
        ),
    )
    return parser


def _not_negative(text: str) -> float:
    value = float(text)
    if not value >= 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


if __name__ == "__main__":
    sys.exit(main())
