import os
import sys
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[2] / "scanhub_jobs")]

EXAM = "/api/v1/exam"


@pytest.fixture
def samples_folder():
    """Files of real instruments, where there are any."""
    folder = os.environ.get("SCANHUB_SAMPLES")
    if not folder:
        pytest.skip("SCANHUB_SAMPLES names no folder of real files")
    return Path(folder)


@pytest.fixture
def store(platform):
    """Return a function that makes a result of files, and returns it and its place."""

    async def make(files, kind="MRD", *, task=None, **listed):
        task = task or await platform.scan()
        params = {"params": {"task_id": task["id"]}, "headers": platform.service}
        result = (await platform.call("POST", f"{EXAM}/result", expect=201, **params)).json()
        place = f"{task['workflow_id']}/{task['id']}/{result['id']}"
        for name, content in files.items():
            data = content.read_bytes() if isinstance(content, Path) else content
            await platform.lake.put(f"lake/{place}/{name}", data)
        body = {"type": kind, "directory": "", "files": list(files), **listed}
        url = f"{EXAM}/result/{result['id']}"
        answer = await platform.call("PUT", url, json=body, headers=platform.service, expect=200)
        return answer.json(), place

    return make
