import asyncio
import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from scanhub_device import messages

README = Path(__file__).parents[2] / "libraries" / "scanhub_device" / "README.md"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    [code] = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    (tmp_path / "my_scanner.py").write_text(code)
    credentials = {"device_id": "device-1", "device_token": "secret-1"}
    (tmp_path / "device_credentials.json").write_text(json.dumps(credentials))
    return tmp_path


async def test_the_example_of_the_readme_scans_stops_and_uploads(
    server: Any, example: Path
) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "my_scanner.py", server.url, "device_credentials.json", cwd=example
    )
    try:
        register = await server.expect("register", within_s=20)
        assert register["data"]["device_name"] == "Bench scanner"
        await server.start(sequence={"seq_file": "line\n" * 5000})
        await server.expect("ack")
        await server.expect("update_status", status="BUSY", data={"progress": 1})
        await server.send("stop", task_id="task-1")
        await server.expect("stopped")
        assert not [m for m in server.log if m["command"] == "file-transfer"]
        await server.expect("update_status", status="ONLINE")
        await server.start("task-2", sequence={"seq_file": "line\n" * 50})
        header = await server.expect("file-transfer", task_id="task-2")
        assert await server.file(header) == b"the signal"
        await server.verdict(header, ok=True)
        await server.expect("update_status", status="ONLINE")
    finally:
        program.kill()
        await program.wait()


def test_the_example_has_at_most_30_lines(example: Path) -> None:
    assert 0 < len((example / "my_scanner.py").read_text().splitlines()) <= 30


async def test_the_example_without_asyncio_runs_with_the_command(
    server: Any, example: Path
) -> None:
    [code] = re.findall(r"```py\n(.*?)```", README.read_text(), flags=re.DOTALL)
    (example / "my_scanner.py").write_text(code)
    command = ["-m", "scanhub_device", "run", "my_scanner:MyScanner", "--spool", "queue"]
    address = ["--url", server.url, "--credentials", "device_credentials.json"]
    program = await asyncio.create_subprocess_exec(sys.executable, *command, *address, cwd=example)
    try:
        register = await server.expect("register", within_s=30)
        assert register["data"]["device_name"] == "Bench scanner"
        await server.start()
        header = await server.expect("file-transfer", within_s=30)
        assert len(await server.file(header)) == header["size_bytes"] > 64 * 64 * 8
        await server.verdict(header, ok=True)
        await server.expect("update_status", status="ONLINE")
        assert not (example / "signal.npy").exists()
    finally:
        program.kill()
        await program.wait()


def test_the_readme_lists_every_message_with_its_fields() -> None:
    rows: defaultdict[str, str] = defaultdict(str)
    row = re.compile(r"^\| ((?:`[a-z_-]+`(?:, )?)+) \| (.*?) \|", re.MULTILINE)
    for commands, fields in row.findall(README.read_text()):
        for command in re.findall("[a-z_-]+", commands):
            rows[command] += fields
    models = [
        model
        for model in vars(messages).values()
        if isinstance(model, type)
        and issubclass(model, messages.Message)
        and "command" in model.model_fields
    ]
    assert len(models) == 18
    for model in models:
        command = model.model_fields["command"].annotation.__args__[0]
        for field in set(model.model_fields) - {"command"}:
            assert field in rows[command], f"{command}.{field}"
