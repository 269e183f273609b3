"""What modules may ask of a container engine, and what leads out of it."""

import json
from pathlib import Path

import pytest

from scanhub_libraries.models.module import ModuleSettings
from workflow_manager.gpus import GpuSlots
from workflow_manager.jobs.registry import JobRegistry
from workflow_manager.modules.arguments import NotAllowedError, mounts, options
from workflow_manager.modules.container import ContainerRunner
from workflow_manager.modules.runners import Runners
from workflow_manager.modules.runtime import Runtime, lacking, list_of_images


def test_limits_become_options_of_the_command_line():
    asked = {
        "mem_limit": "8g",
        "nano_cpus": 1_500_000_000,
        "read_only": True,
        "labels": {"owner": "mr"},
        "device_read_bps": [{"Path": "/dev/sda", "Rate": 1000}],
        "runtime": "nvidia",
    }
    assert options(asked, ["nvidia"]) == [
        "--memory=8g",
        "--cpus=1.5",
        "--read-only=true",
        "--label=owner=mr",
        "--device-read-bps=/dev/sda:1000",
        "--runtime=nvidia",
    ]


@pytest.mark.parametrize(
    "asked",
    [
        {"runtime": "/bin/sh"},
        {"runtime": ["nvidia"]},
        {"mem_limit": {"a": 1}},
        {"mem_limit": ""},
        {"nano_cpus": "1"},
        {"nano_cpus": 10**400},
        {"labels": ["a"]},
        {"device_read_bps": [{"Path": "/dev/sda"}]},
        {"device_read_bps": [{"Path": "/dev/sda", "Rate": float("inf")}]},
    ],
)
def test_what_is_no_limit_is_refused(asked):
    with pytest.raises(NotAllowedError):
        options(asked, ["nvidia"])


@pytest.mark.parametrize(
    ("source", "how"),
    [
        ("/etc", {"bind": "/etc"}),
        ("{root}/../outside", {"bind": "/models"}),
        ("{root}/out", {"bind": "/models"}),
        ("{root}/circle", {"bind": "/models"}),
        ("{root}/in", {"bind": "/tmp/data"}),
        ("{root}/in", {"bind": "/tmp/output/x"}),
        ("{root}/in", {"bind": "/tmp"}),
        ("{root}/in", {"bind": "relative"}),
        ("{root}/in", {"bind": "/a:/b"}),
        ("{root}/in", {"bind": "/a", "mode": "rw,exec"}),
        ("{root}/in", 3),
    ],
)
def test_a_folder_that_may_not_be_mounted_is_refused(tmp_path, source, how):
    root = tmp_path / "allowed"
    (root / "in").mkdir(parents=True)
    (root / "out").symlink_to("/etc")
    (root / "circle").symlink_to(root / "circle")
    with pytest.raises(NotAllowedError):
        mounts({source.format(root=root): how}, [root])


def test_a_folder_below_one_that_is_allowed_is_mounted(tmp_path):
    (tmp_path / "in").mkdir()
    asked = {str(tmp_path / "in"): {"bind": "/models", "mode": "ro"}}
    assert mounts(asked, [tmp_path]) == [f"--volume={tmp_path}/in:/models:ro"]


@pytest.mark.parametrize(
    ("controllers", "wanted"),
    [
        ("[cpuset cpu cpuacct blkio memory devices freezer pids]", []),
        ("[memory pids]", ["cpu"]),
        ("[]", ["memory", "cpu"]),
        ("", ["memory", "cpu"]),
    ],
)
def test_limits_without_a_controller_are_named(controllers, wanted):
    assert lacking(controllers) == wanted


def test_only_limits_that_are_asked_for_are_said_not_to_hold(make_settings):
    module = ModuleSettings(name="x", docker_tag="x:1", cpus=2)
    runner = ContainerRunner(make_settings(), Runtime("podman"))
    (note,) = runner._unheeded(module, lacking("[]"))
    assert note.startswith("Its limit of cpu does not hold: ")


def test_the_list_of_images_is_known_where_podman_has_one_store():
    store = {"graphRoot": "/var/lib/c", "graphDriverName": "overlay", "graphOptions": {}}
    place = Path("/var/lib/c/overlay-images/images.json")
    assert list_of_images(json.dumps(store)) == place
    more = {"overlay.additionalimagestores": ["/shared"]}
    assert list_of_images(json.dumps({**store, "graphOptions": more})) is None
    for odd in ("", "null", "{}", "podman says no"):
        assert list_of_images(odd) is None


async def test_a_server_whose_workers_run_containers_does_not_say_that_none_do(make_settings):
    shared = {
        "database_url": "postgresql+asyncpg://database/workflow",
        "engine_database_url": "postgresql://database/engine",
        "queues": ("notifications",),
    }
    module = ModuleSettings(name="x", docker_tag="x:1")
    runners = Runners(make_settings(**shared, module_runtime="docker"), JobRegistry(), GpuSlots(()))
    told = await runners.examine(module)
    assert (told.ok, len(told.notes)) == (True, 1)
    assert "in another process" in told.notes[0]
    assert (await runners.health(containers=True)).state == "ok"
    none = Runners(make_settings(**shared, module_runtime="none"), JobRegistry(), GpuSlots(()))
    assert "RUNTIME is none" in (await none.examine(module)).problems[0]
    assert (await none.health(containers=True)).state == "failing"
