"""The self-test from the command line, against a server that is installed as people install it."""

import os
from pathlib import Path

import httpx
import pytest
from nursery import start_program
from ports import a_port

from scanhub.demo.data import PASSWORD, USERNAME, DemoApi

from .conftest import Installation

pytestmark = pytest.mark.system


async def _selftest(installation: Installation, *options: str) -> tuple[int, str]:
    said = installation.data_dir / "said"
    with said.open("wb") as log:
        command = await start_program(
            *("-m", "scanhub", "selftest", *options),
            *("--url", installation.url, "--username", USERNAME),
            env=os.environ | {"SCANHUB_PASSWORD": PASSWORD, "COLUMNS": "200"},
            log=log,
        )
    return await command.wait(), said.read_text()


async def test_a_self_test_tells_its_steps_and_whether_it_passed(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    try:
        await installation.start("--dicom-port", str(a_port()))
        async with httpx.AsyncClient(base_url=installation.url, timeout=30) as http:
            await DemoApi(http).log_in()
        code, said = await _selftest(installation, "--kind", "study")
        assert code == 0, said
        assert "6 images arrived as they were." in said
        assert said.splitlines()[-1] == "The self-test has passed."
        code, said = await _selftest(installation, "--mode", "process")
        assert code == 0, said
        assert "images in 1 series show what was scanned." in said
        assert "A module made 3 images of 3." in said
    finally:
        await installation.end()
