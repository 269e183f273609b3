"""Independent programs that judge what we write."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scanhub_jobs.making.files import save_dicom


def program(name):
    """Return the path of a program; in CI a missing one is a failure, elsewhere a skip."""
    folders = [f for f in os.get_exec_path() if Path(f) != Path(sys.prefix) / "bin"]
    path = shutil.which(name, path=os.pathsep.join(folders))
    if path is not None:
        return path
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"{name} is not installed")


def checked(datasets, folder, kind):
    """Let dciodvfy and DCMTK read objects; only what the checker cannot know may be said."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, dataset in enumerate(datasets[:2]):
        path = folder / f"{number}.dcm"
        save_dicom(dataset, path)
        report = subprocess.run(
            [program("dciodvfy"), "-new", path], check=False, capture_output=True, text=True
        )
        said = report.stderr + report.stdout
        assert not [line for line in said.splitlines() if line.startswith("Error")], said
        assert kind in said, said
        subprocess.run([program("dcmdump"), "-q", path], check=True, capture_output=True)
