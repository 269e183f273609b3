"""The lines of the documentation do what it says."""

import asyncio
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_manager"))

from http_uploads import DATA
from programs import require_program

PAGE = Path(__file__).parents[2] / "docs" / "uploads.md"


async def test_the_lines_for_curl_upload_a_file(lab, tmp_path):
    require_program("curl")
    lines = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(lines) == 3
    path = tmp_path / "raw"
    path.write_bytes(DATA)
    async with lab.scanner() as scanner:
        start = await lab.started(scanner)
        environment = {
            **os.environ,
            "SERVER": f"http://{lab.address}",
            "TOKEN": start["access_token"],
            "FILE": str(path),
            "no_proxy": "127.0.0.1",
        }
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-euc",
            "\n".join(lines) + '\necho "OFFSET=$OFFSET"',
            env=environment,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, said
        assert f"OFFSET={len(DATA) // 2}" in said.decode()
        assert "upload-result-id" in said.decode().lower()
        task = await lab.task(start["id"])
        assert (task["status"], len(task["results"])) == ("FINISHED", 1)
