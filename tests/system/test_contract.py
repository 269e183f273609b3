"""ScanHub's wire contract, row by row, against the product as it is installed."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from contract.people import PASSWORD, Credentials
from contract.scanhub_v1 import run

pytestmark = [pytest.mark.system, pytest.mark.timeout(180), pytest.mark.xdist_group("system")]


async def test_every_row_of_the_contract_holds(installation):
    report = await run(installation.url, Credentials("contract", PASSWORD))
    assert report.failures == [], "\n".join(report.failures)
    assert len(report.rows) > 250
    assert "Traceback" not in installation.log
