"""Modules in real containers: mercure's contract, walls and limits, and what is left of them."""

import json
import os
import subprocess

import pytest
from images import SERIES
from workflow_service import until

pytestmark = pytest.mark.timeout(240)
PYTHON = """
import json, os, pathlib
source, target = (pathlib.Path(os.environ[f"MERCURE_{n}_DIR"]) for n in ("IN", "OUT"))
status = dict(
    line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line
)
try:
    (source / "mine").touch()
    writable = True
except OSError:
    writable = False
(target / "result.json").write_text(json.dumps({
    "in": sorted(path.name for path in source.iterdir()),
    "folders": sorted(v for k, v in os.environ.items() if "PATH" in k and "PUT" in k),
    "settings": json.loads((source / "task.json").read_text())["process"]["settings"],
    "secret": os.environ.get("SECRET"), "path": os.environ["PATH"],
    "capabilities": status["CapEff"].strip(), "new_privileges": status["NoNewPrivs"].strip(),
    "networks": sorted(os.listdir("/sys/class/net")), "uid": os.getuid(), "writable": writable,
}))
for path in source.glob("*.dcm"):
    (target / path.name).write_bytes(path.read_bytes())
print("done")
"""
COPY = "cat /tmp/data/task.json > /dev/null; cp /tmp/data/*.dcm $MERCURE_OUT_DIR; echo shell"


def left():
    """Return the containers of modules that are there."""
    command = ["podman", "ps", "--all", "--format", "{{.Names}}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.long
async def test_a_chain_of_containers_has_mercures_contract_and_no_way_out(working, boxes):
    python = boxes("python", "python3", "-c", PYTHON)
    shell = boxes("shell", "sh", "-c", COPY)
    async with working(module_runtime="podman") as works:
        body = {"name": "python", "docker_tag": python, "settings": {"a": 1}}
        variables = {"SECRET": "the secret\nof two lines", "PATH": "/bin:/usr/bin"}
        told = await works.ward.post("/modules", {**body, "environment": variables})
        assert told["problems"] == []
        body = {"name": "shell", "docker_tag": shell, "docker_arguments": {"mem_limit": "256m"}}
        await works.ward.post("/modules", body)
        assert await works.ward.post("/modules/shell/test") == {
            "ok": True,
            "runtime": "podman",
            "problems": [],
            "notes": [],
        }
        await works.rule("python", "shell", processing_settings={"b": 2})
        await works.series(SERIES, 1)
        run = await works.run("succeeded", "failed")
        assert run["state"] == "succeeded", run
        saw = run["outputs"][0]["result"]
        name = f"{SERIES}#{SERIES}.1"
        assert saw["in"] == [f"{name}.dcm", f"{name}.tags", "task.json"]
        assert saw["folders"] == ["/tmp/data"] * 2 + ["/tmp/output"] * 2
        assert (saw["settings"], saw["secret"]) == ({"a": 1, "b": 2}, variables["SECRET"])
        assert saw["path"] == "/bin:/usr/bin"
        assert (int(saw["capabilities"], 16), saw["new_privileges"]) == (0, "1")
        assert (saw["networks"], saw["uid"], saw["writable"]) == (["lo"], os.getuid(), False)
        assert "shell" in await works.log(run, 2)
        assert run["images"] == 1
        assert left() == []


@pytest.mark.long
async def test_containers_end_when_they_take_too_much_or_too_long_or_are_stopped(working, boxes):
    hungry = "python3", "-c", "x = bytearray(300 * 2**20); x[::4096] = b'1' * len(x[::4096])"
    async with working(module_runtime="podman", module_log_bytes=2**16) as works:
        ends = {
            "fails": ({}, ("sh", "-c", "echo no licence; exit 7")),
            "hangs": ({"timeout_s": 3}, ("sleep", "600")),
            "hungry": ({"memory_bytes": 64 * 2**20}, hungry),
            "loud": ({}, ("head", "-c", "20000000", "/dev/zero")),
        }
        reasons = {}
        for number, (name, (options, command)) in enumerate(ends.items(), 1):
            body = {"name": name, "docker_tag": boxes(name, *command), **options}
            await works.ward.post("/modules", body)
            await works.rule(name, name=name)
            await works.series(f"{SERIES}.{number}", 1)
            case = await works.ward.case("failed", "done", rule=name)
            reasons[name] = case["reason"].partition(": ")[2]
            await works.service.user.delete(f"/api/v1/workflowmanager/rules/{name}")
        assert reasons["fails"].endswith("exit code 7. Its last words: no licence")
        assert reasons["hangs"].startswith("It was killed: it took longer than 3 s.")
        assert "memory ran out" in reasons["hungry"]
        log = await works.log(await works.run("succeeded"))
        assert len(log) < 2**18
        await works.rule("hangs", name="again")
        answer = await works.service.get("/modules/hangs")
        body = {key: answer[key] for key in ("name", "docker_tag")}
        await works.service.user.put("/api/v1/workflowmanager/modules/hangs", json=body)
        await works.series(f"{SERIES}.9", 1)
        case = await works.ward.case("processing", rule="again")
        await until(lambda: left() != [], 120)
        await works.ward.post(f"/cases/{case['id']}/processing/cancel")
        await works.ward.case("failed", rule="again")
        assert left() == []


MAP = json.dumps({"command": '["sh", "-c", "cp $MONAI_INPUTPATH/*.dcm $MONAI_OUTPUTPATH; id -u"]'})


@pytest.mark.long
async def test_a_container_is_given_what_it_was_lent_by_its_name(working, boxes):
    train = boxes("train", "sh", "-c", "true")
    lent = {"gpu_slots": ["0"], "gpu_cdi": "example.org/gpu"}  # of which no machine has any
    async with working(module_runtime="podman", **lent) as works:
        body = {"name": "train", "docker_tag": train, "gpus": 1}
        assert (await works.ward.post("/modules", body))["problems"] == []
        await works.rule("train")
        await works.series(SERIES, 1)
        run = await works.run("succeeded", "failed")
        assert run["state"] == "failed"
        assert "unresolvable CDI devices example.org/gpu=0" in await works.log(run)


@pytest.mark.long
async def test_a_monai_package_runs_the_command_of_its_manifest_as_root_if_allowed(working, boxes):
    package = boxes("package", "false", manifest=MAP)
    body = {"name": "package", "docker_tag": package}
    async with working(module_runtime="podman") as works:
        await works.ward.post("/modules", body)
        test = await works.ward.post("/modules/package/test")
        assert not test["ok"]
        assert test["problems"][0].startswith("A MONAI package. It has to run as root")
    async with working(module_runtime="podman", module_root=True) as works:
        test = await works.ward.post("/modules/package/test")
        assert (test["ok"], test["notes"]) == (True, ["The image is a MONAI application package."])
        await works.rule("package")
        await works.series(SERIES, 1)
        run = await works.run("succeeded", "failed")
        assert (run["state"], run["images"]) == ("succeeded", 1), run["reason"]
        assert (await works.log(run)).endswith(" 0\n")


@pytest.mark.long
async def test_an_image_that_gets_another_content_is_looked_at_again(working, boxes):
    tag = boxes("changes", "sh", "-c", COPY)
    async with working(module_runtime="podman", module_root=True) as works:
        await works.ward.post("/modules", {"name": "changes", "docker_tag": tag})
        await works.rule("changes")
        for number in (1, 2):  # the second time nobody asks for the image
            await works.series(f"{SERIES}.{number}", 1)
            uid = f"{SERIES}.{number}"
            case = await works.ward.case("done", "failed", series_instance_uid=uid)
            assert case["state"] == "done", case["reason"]
        assert boxes("changes", "false", manifest=MAP) == tag
        await works.series(f"{SERIES}.3", 1)

        async def ran():
            (run, *_) = await works.service.get("/processing")
            said = run["state"] == "succeeded" and await works.log(run)
            return said and said.endswith(" 0\n")

        await until(ran, 120)
        assert left() == []


async def test_an_image_that_is_not_here_is_named_and_not_fetched(working, boxes):
    async with working(module_runtime="podman") as works:
        body = {"name": "gone", "docker_tag": "nowhere/nothing:1"}
        told = await works.ward.post("/modules", body)
        assert told["problems"][0].startswith("The image nowhere/nothing:1 is not here")
        test = await works.ward.post("/modules/gone/test")
        assert test["problems"][0].startswith("The image nowhere/nothing:1 is not here")
        await works.rule("gone")
        await works.series(SERIES, 1)
        case = await works.ward.case("failed", rule="process")
        assert "The image nowhere/nothing:1 is not here" in case["reason"]
