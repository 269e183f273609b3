"""A service with a folder of modules: Python files, as an installation would have them."""

import os
import subprocess
import textwrap
from contextlib import asynccontextmanager

import pydicom
import pytest
from programs import require_program
from small_image import derived, make_image, write_configuration
from ward import Node, Ward
from workflow_service import WORKFLOW, until

from workflow_manager.dicom.scp import DicomListener

PATIENCE = 120.0
PRELUDE = """
import json, os, pathlib, sys, time
import pydicom
source, target = (pathlib.Path(os.environ[f"MERCURE_{n}_DIR"]) for n in ("IN", "OUT"))
task = json.loads((source / "task.json").read_text())
settings = task["process"]["settings"]
images = sorted(source.glob("*.dcm"))

def derive(path, number=1):
    image = pydicom.dcmread(path)
    image.SeriesDescription = settings.get("name", "derived")
    image.SeriesInstanceUID += f".{settings.get('branch', 9)}"
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = (
        f"{image.SeriesInstanceUID}.{number}"
    )
    image.save_as(target / f"{number}.dcm", enforce_file_format=True)

"""


class Works:
    """What the tests do with modules and what comes of them."""

    def __init__(self, service, ward, folder):
        self.service, self.ward, self.folder = service, ward, folder

    async def module(self, name, source="", **options):
        """Configure a Python module; `source` follows the prelude."""
        (self.folder / f"{name}.py").write_text(PRELUDE + textwrap.dedent(source))
        body = {"name": name, "runner": "process", "entry_point": f"{name}.py", **options}
        return await self.ward.post("/modules", body)

    async def module_changed(self, name, source):
        """Write another version of a Python module."""
        (self.folder / f"{name}.py").write_text(PRELUDE + textwrap.dedent(source))

    async def rule(self, *modules, name="process", **options):
        options = {"action": "process", "target": [], "processing_module": list(modules)} | options
        await self.ward.add_rule(name, **options)

    async def series(self, series, *numbers):
        """Receive a series, and take it for complete."""
        await self.ward.receive(series, *numbers)
        await self.ward.post(f"/series/{series}/complete")

    async def run(self, *states, number=1):
        """Return the newest run, once it is in one of these states."""

        async def there():
            found = await self.service.get("/processing")
            right = found and found[0]["number"] >= number and found[0]["state"] in states
            return found[0] if right else None

        return await until(there, PATIENCE)

    async def log(self, run, position=1):
        path = f"{WORKFLOW}/processing/{run['id']}/steps/{position}/log"
        answer = await self.service.user.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def images(self, description):
        """Return the images of the archive of a series with this description."""
        root = self.service.wiring.lake.root / "dicom"
        found = [pydicom.dcmread(path) for path in root.rglob("*.dcm")]
        return [image for image in found if image.SeriesDescription == description]


@pytest.fixture
def working(serving, tmp_path):
    """Return a context manager that runs a service with a folder of modules."""
    folder = tmp_path / "modules"
    folder.mkdir(exist_ok=True)

    @asynccontextmanager
    async def start(**changes):
        quiet = {"series_quiet_s": 3600.0}  # a series is complete when the test says so
        changes = {"module_folder": folder, "module_runtime": "none", **quiet, **changes}
        async with serving(**changes) as service:
            yield Works(service, Ward(service, tmp_path / "sent", PATIENCE), folder)

    return start


@pytest.fixture
def node():
    found = Node()
    listener = DicomListener(
        ae_title="PEER", host="127.0.0.1", port=found.port, handler=found.store
    )
    listener.start()
    yield found
    listener.stop()


@pytest.fixture(scope="session")
def image_store(tmp_path_factory):
    """podman with images of its own, made of this machine's files; none comes from elsewhere."""
    podman = require_program("podman")
    require_program("runc")
    folder = tmp_path_factory.mktemp("containers")
    variables = write_configuration(folder)
    image = make_image(podman, folder, variables)
    yield podman, variables, image
    for command in ("rm", "rmi"):
        subprocess.run(
            [podman, command, "--all", "--force"],
            env=os.environ | variables,
            capture_output=True,
            check=False,
        )


@pytest.fixture
def boxes(image_store, monkeypatch):
    """Return what makes an image that runs a command, where the service under test looks for it."""
    podman, variables, image = image_store
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def make(name, *command, manifest=None):
        return derived(image, podman, variables, name, *command, manifest=manifest)

    return make
