"""What others name of the simulated scanner; they need not load it, which takes a second."""

from pathlib import Path
from typing import Final

DEVICE_TYPE: Final = "simulated"

_DATA = Path(__file__).parent / "simulator" / "data"


def default_sequence() -> Path:
    """The GRE that comes with the simulator: what `write_gre` writes by default."""
    return _DATA / "gre_128.seq"


def epi_sequence() -> Path:
    """The single shot of EPI that comes with the simulator: what `write_epi` writes by default."""
    return _DATA / "epi_64.seq"


def radial_sequence() -> Path:
    """The spokes that come with the simulator: what `write_radial` writes by default."""
    return _DATA / "radial_64.seq"
