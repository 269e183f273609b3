"""A small Pulseq file, how it is uploaded, and how its plot is asked for."""

import asyncio
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # pulseq_text

EXAM = "/api/v1/exam"
SMALL = """# Pulseq sequence file

[VERSION]
major 1
minor 5
revision 0

[DEFINITIONS]
AdcRasterTime 1e-07
BlockDurationRaster 1e-05
GradientRasterTime 1e-05
RadiofrequencyRasterTime 1e-06
Name small

[BLOCKS]
1 100 1 0 0 0 0 0
2 324 0 1 0 0 1 0

[RF]
1 250 1 2 3 500 100 0 0 0 0 e

[TRAP]
1 100000 100 3000 100 0

[ADC]
1 64 5000 100 0 0 0 0 0

[SHAPES]

shape_id 1
num_samples 2
1
1

shape_id 2
num_samples 2
0
0

shape_id 3
num_samples 2
0
1000

"""


async def _upload(platform, data=SMALL, *, expect=201, filename="small.seq", files=None, **form):
    data = data.encode() if isinstance(data, str) else data
    fields = {"name": "Small", **form}
    parts = {"seq_file": (filename, data, "text/plain"), **(files or {})}
    return (
        await platform.call("POST", f"{EXAM}/sequence", data=fields, files=parts, expect=expect)
    ).json()


@pytest.fixture(scope="session")
def small() -> str:
    """A Pulseq file of a pulse, a gradient and a readout."""
    return SMALL


@pytest.fixture(scope="session")
def upload():
    """Return what uploads a sequence: `await upload(platform, text, name="GRE")`."""
    return _upload


async def _ready(platform, made):
    """Ask as a browser does: again while the plot is being made."""
    url = f"{EXAM}/sequence/{made['_id']}/plot"
    while (answer := await platform.call("GET", url)).status_code == 503:
        await asyncio.sleep(0.05)
    assert answer.status_code in {200, 422}, answer.text
    return answer


@pytest.fixture(scope="session")
def ready():
    """Return what waits until the plot of a sequence is made: `await ready(platform, made)`."""
    return _ready
