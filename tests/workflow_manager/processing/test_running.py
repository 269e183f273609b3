"""How modules end: stopped, too slow, too large, too loud; slots, priorities, and the way back."""

import asyncio
import json
import resource
from pathlib import Path

import pytest
from images import SERIES
from workflow_service import WORKFLOW, until

from scanhub_libraries.ids import new_id
from workflow_manager.programs.log import TAIL_BYTES, LogFile, last_lines, read_log

pytestmark = pytest.mark.timeout(240)
DERIVE = "for number, path in enumerate(images, 1):\n    derive(path, number)\n"
WAIT = """
folder = pathlib.Path(settings["folder"])
with (folder / "order").open("a") as order:
    order.write(task["info"]["uid"] + "\\n")
while not (folder / "go").exists():
    time.sleep(0.02)
"""


@pytest.fixture
def gate(tmp_path):
    """A folder in which a module says that it began, and waits for a file."""
    folder = tmp_path / "gate"
    folder.mkdir()
    (folder / "order").touch()
    return folder


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


CHILD = """
import subprocess
print("it began", flush=True)
started = subprocess.Popen(["sleep", "600"])
pathlib.Path(settings["folder"], "pid").write_text(str(started.pid))
"""


async def test_a_module_is_stopped_with_all_that_it_started_and_begins_again(working, gate):
    async with working() as works:
        await works.module("slow", CHILD + WAIT + DERIVE)
        await works.rule("slow", processing_settings={"folder": str(gate)})
        await works.series(SERIES, 1)
        await until((gate / "order").read_text, 120)
        (case,) = await works.service.get("/cases?state=processing")
        assert case["reason"].startswith("Module slow, step 1 of 1, since ")
        (run,) = await works.service.get("/processing")

        async def told():  # who reads the log when told finds what it is told of
            said, size = works.service.wiring.tail.mentions.since(0), len(await works.log(run))
            return size > 30 and said == [
                json.dumps({"run_id": run["id"], "step": 1, "size": size})
            ]

        await until(told, 120)
        await works.ward.post(f"/cases/{case['id']}/discard", status=409)
        await works.ward.post(f"/cases/{case['id']}/processing/cancel")
        case = await works.ward.case("failed", rule="process")
        assert case["reason"] == "Processing was stopped by user:tester."
        await until(lambda: not alive(int((gate / "pid").read_text())), 120)
        (gate / "go").touch()
        await works.ward.post(f"/cases/{case['id']}/processing/retry", {"start": "first"})
        await works.ward.case("done", rule="process")
        runs = (await works.service.get(f"/cases/{case['id']}"))["processing"]
        assert [one["state"] for one in runs] == ["succeeded", "canceled"]
        assert runs[1]["steps"][0]["state"] == "canceled"
        assert "processing.canceled" in await works.ward.timeline(case)


async def test_slots_are_kept_the_urgent_go_first_and_what_waits_can_be_stopped(working, gate):
    async with working() as works:
        await works.module("wait", WAIT)
        for name, end in (("normal", ".1"), ("urgent", ".2")):
            await works.ward.add_rule(
                name,
                f"tags.SeriesInstanceUID.endswith('{end}')",
                action="process",
                target=[],
                processing_module="wait",
                processing_settings={"folder": str(gate)},
                priority=name,
            )
        await works.series(f"{SERIES}.7.1", 1)
        await until((gate / "order").read_text, 120)
        await works.series(f"{SERIES}.8.1", 1)
        await works.series(f"{SERIES}.9.1", 1)
        await works.series(f"{SERIES}.6.2", 1)
        wanted = f"/cases?series_instance_uid={SERIES}.8.1"
        (queued,) = await works.service.get(wanted)
        assert (queued["state"], queued["reason"]) == ("processing", "Waits for a module slot.")
        await works.ward.post(f"/cases/{queued['id']}/processing/cancel")
        (case,) = await works.service.get(wanted)
        assert (case["state"], case["reason"]) == (
            "failed",
            "Processing was stopped by user:tester.",
        )
        (gate / "go").touch()
        await works.ward.case("done", series_instance_uid=f"{SERIES}.9.1")
    began = [uid.removeprefix(SERIES) for uid in (gate / "order").read_text().split()]
    assert began == [".7.1", ".6.2", ".9.1"]


@pytest.mark.long
async def test_a_graphics_processor_is_lent_to_one_module_at_a_time_and_the_other_says_so(
    working, gate
):
    said = 'print("sees", os.environ["CUDA_VISIBLE_DEVICES"] or "none", flush=True)\n'
    async with working(module_slots=2, gpu_slots=["GPU-a"]) as works:
        await works.module("look", said)
        told = await works.module(
            "train", said + WAIT, gpus=1, environment={"CUDA_VISIBLE_DEVICES": "7"}
        )
        assert told["problems"] == []
        chain = {"processing_settings": {"folder": str(gate)}}
        await works.rule("look", "train", **chain)
        await works.series(f"{SERIES}.1", 1)
        await until((gate / "order").read_text, 120)
        await works.series(f"{SERIES}.2", 1)

        async def waits():
            cases = await works.service.get("/cases?state=processing")
            return [case for case in cases if "waits for a graphics processor" in case["reason"]]

        (case,) = await until(waits, 120)
        assert case["reason"].startswith("Module train, step 2 of 2, waits for")
        _, running = await works.service.get("/processing")
        assert "sees none" in await works.log(running, 1)
        assert "sees GPU-a" in await works.log(running, 2)
        await works.ward.post(f"/cases/{case['id']}/processing/cancel")
        await works.ward.case("failed", rule="process")
        (gate / "go").touch()
        await works.ward.post(f"/cases/{case['id']}/processing/retry")
        again = await works.run("succeeded", number=2)
        assert "sees GPU-a" in await works.log(again, 2)


async def test_a_module_that_asks_for_more_than_is_here_says_so_when_saved_and_on_the_case(working):
    async with working() as works:
        told = await works.module("train", "", gpus=2)
        why = "It asks for 2 graphics processors, and the process has none: SCANHUB_WORKFLOW_GPU_"
        assert told["problems"][0].startswith(why)
        await works.rule("train")
        await works.series(SERIES, 1)
        case = await works.ward.case("failed", rule="process")
        assert why in case["reason"]


@pytest.mark.long
async def test_a_slot_whose_run_another_process_took_is_free_once_that_has_ended(working):
    async with working() as works:
        works.service.wiring.processing[new_id()] = asyncio.Event()
        await works.module("idle")
        await works.rule("idle")
        await works.series(SERIES, 1)
        await works.ward.case("done", rule="process")


@pytest.mark.long
async def test_time_memory_and_loud_words_have_limits(working):
    loud = 'for n in range(40_000):\n    print("line", n, "x" * 60)\n'
    hungry = "taken = bytearray(2**31)\n"
    async with working(module_log_bytes=2**16) as works:
        await works.module("late", "print('still here', flush=True)\ntime.sleep(600)", timeout_s=2)
        await works.module("hungry", hungry, memory_bytes=2**30)
        await works.module("loud", loud)
        reasons = {}
        for number, name in enumerate(("late", "hungry", "loud"), 1):
            await works.rule(name, name=name)
            await works.series(f"{SERIES}.{number}", 1)
            case = await works.ward.case("failed", "done", rule=name)
            reasons[name] = case["reason"]
            answer = await works.service.user.delete(f"/api/v1/workflowmanager/rules/{name}")
            assert answer.status_code == 204
        assert "It was killed: it took longer than 2 s." in reasons["late"]
        assert "MemoryError" in reasons["hungry"]
        run = await works.run("succeeded")
        log = await works.log(run)
        assert len(log) <= 2**16 + TAIL_BYTES + 100
        assert " line 0 x" in log
        assert "bytes are not kept" in log
        assert (
            run["steps"][0]["log_tail"].splitlines()[-1].split(" ", 1)[1].startswith("line 39999")
        )
        files = [path for path in works.service.wiring.lake.root.rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) < 2**20


@pytest.mark.parametrize(
    ("source", "reason", "code"),
    [
        ("raise RuntimeError('no kidney here')", "RuntimeError: no kidney here", 1),
        ("os.kill(os.getpid(), 9)", "It was killed by the system, most likely", -9),
        pytest.param("os._exit(77)", "It ended with exit code 77.", 77, marks=pytest.mark.long),
    ],
)
async def test_a_module_that_breaks_says_why_and_what_follows_does_not_begin(
    working, source, reason, code
):
    async with working() as works:
        await works.module("broken", source)
        await works.module("next")
        await works.rule("broken", "next", "next")
        await works.series(SERIES, 1)
        run = await works.run("failed", "succeeded")
        first, *others = run["steps"]
        assert (first["state"], first["exit_code"]) == ("failed", code)
        assert reason in first["reason"]
        assert run["reason"] == f"Module broken, step 1 of 3: {first['reason']}"
        told = [(step["state"], step["reason"]) for step in others]
        assert told == [("canceled", f"It did not begin. {run['reason']}")] * 2
        assert (await works.ward.case("failed", rule="process"))["reason"] == run["reason"]


async def test_a_result_that_is_no_json_is_told_and_costs_no_image(working):
    write = "(target / 'result.json').write_text('{\\'a\\': 1}')"
    async with working() as works:
        await works.module("odd", DERIVE + write)
        await works.rule("odd")
        await works.series(SERIES, 1)
        run = await works.run("failed", "succeeded")
        assert (run["state"], run["images"]) == ("succeeded", 1)
        assert run["outputs"] == [{"module": "odd", "result": None}]
        assert run["steps"][0]["reason"].startswith("result.json is no JSON")


@pytest.mark.long
async def test_a_module_that_prints_a_gigabyte_costs_neither_room_nor_memory(working):
    block = (
        "for _ in range(1024):\n    sys.stdout.buffer.write(b'x' * 1023 * 1024 + b'\\n' * 1024)\n"
    )
    async with working(module_log_bytes=2**16) as works:
        await works.module("loud", block)
        await works.rule("loud")
        await works.series(SERIES, 1)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        run = await works.run("succeeded", "failed")
        assert run["state"] == "succeeded", run["reason"]
        assert "bytes are not kept" in await works.log(run)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB
        files = works.service.wiring.lake.root.rglob("*.log*")
        assert sum(path.stat().st_size for path in files) < 2**18


async def test_what_modules_say_reaches_notifications_and_they_choose_targets(working, node):
    say = """
    (target / "result.json").write_text(json.dumps({
        "__mercure_notification": {"text": "a finding", "requested": True},
        "__mercure_routing": {"target": "OTHER"},
    }))
    """
    async with working() as works:
        await works.ward.add_target("OTHER", node.port)
        await works.module("find", DERIVE + "if True:\n" + say)
        await works.rule("find", dynamic_routing=True)
        await works.series(SERIES, 1)
        case = await works.ward.case("done", rule="process")
        assert case["targets"] == ["OTHER"]
        assert node.received == [f"{SERIES}.9.1"]
        (event,) = await works.service.get(f"/journal?subject={case['id']}&type=case.done")
        assert event["data"]["notification_details"] == "find: a finding"
        assert event["data"]["notification_requested"] is True


async def test_a_module_that_cannot_run_here_says_so_at_once_and_on_the_case(working):
    async with working() as works:
        told = await works.ward.post("/modules", {"name": "box", "docker_tag": "box:1"})
        assert "SCANHUB_WORKFLOW_MODULE_RUNTIME is none" in told["problems"][0]
        (works.folder / "secret.py").symlink_to("/etc/hostname")
        body = {"name": "out", "runner": "process", "entry_point": "secret.py"}
        told = await works.ward.post("/modules", body)
        assert told["problems"] == ["There is no Python file 'secret.py' in the folder of modules."]
        test = await works.ward.post("/modules/box/test")
        assert (test["ok"], test["runtime"]) == (False, "")
        await works.rule("box")
        await works.series(SERIES, 1)
        case = await works.ward.case("failed", rule="process")
        assert case["reason"].startswith("Module box, step 1 of 1: Containers do not run here")
        health = await works.service.get("/health/detail")
        (part,) = [part for part in health["parts"] if part["kind"] == "runtime"]
        assert (part["state"], "RUNTIME is none" in part["detail"]) == ("failing", True)
        refused = await works.service.user.delete("/api/v1/workflowmanager/modules/box")
        assert (refused.status_code, refused.json()["rules"]) == (409, ["process"])
        for wrong in ({"entry_point": "../x.py"}, {"entry_point": "a/../x.py"}, {}):
            await works.ward.post("/modules", {"name": "w", "runner": "process", **wrong}, 422)


async def test_a_folder_that_a_module_keeps_is_there_the_next_time(working):
    count = """
    place = pathlib.Path(os.environ["MODULE_PERSISTENCE_DIR"], "count")
    seen = int(place.read_text()) + 1 if place.exists() else 1
    place.write_text(str(seen))
    (target / "result.json").write_text(str(seen))
    """
    async with working() as works:
        await works.module("count", count, requires_persistence=True)
        await works.rule("count", "count")
        await works.series(SERIES, 1)
        assert (await works.run("succeeded"))["outputs"] == [
            {"module": "count", "result": 1},
            {"module": "count", "result": 2},
        ]


def test_a_log_keeps_its_beginning_and_its_end(tmp_path):
    path = tmp_path / "logs" / "1.log"
    log = LogFile(path, 100)
    log.write(b"one\ntw")
    log.write(b"o\n")
    assert [line.split(b" ", 1)[1] for line in read_log(path).splitlines()] == [b"one", b"two"]
    for number in range(5000):
        log.write(b"line %d of many\n" % number)
    log.write(b"the end")
    log.close()
    assert path.stat().st_size == 100
    assert read_log(path).endswith(b" the end")
    assert last_lines(path, 60).endswith(" the end")
    assert len(read_log(path)) < 100 + TAIL_BYTES + 100


def test_a_log_that_is_closed_is_compressed_and_reads_as_before(tmp_path):
    path = tmp_path / "1.log"
    log = LogFile(path, 20_000)
    for number in range(10_000):
        log.write(b"line %d of many\n" % number)
    before = read_log(path)
    log.close()
    after = read_log(path)
    (kept,) = tmp_path.iterdir()
    assert (kept.name, kept.stat().st_size < len(after) / 4) == ("1.log.gz", True)
    assert after[:20_000] == before[:20_000]
    assert after.endswith(b" line 9999 of many\n")
    assert last_lines(path, 60).endswith(" line 9999 of many\n")
    log = LogFile(path, 20_000)  # the step is done again
    log.write(b"anew\n")
    log.close()
    assert read_log(path).endswith(b" anew\n")
    assert [each.name for each in tmp_path.iterdir()] == ["1.log"]


async def test_while_the_queue_is_paused_no_module_begins(working):
    """And once it goes on, nobody waits for a look that comes now and then."""
    async with working() as works:
        await works.module("smooth", "derive(images[0])")
        await works.rule("smooth")
        await works.ward.post("/queues/modules/pause", {"reason": "The images are changed"})
        await works.series(SERIES, 1)
        run = await works.run("queued")
        assert run["reason"] == "Waits for a module slot."
        queues = await works.service.get("/queues")
        (queue,) = (each for each in queues if each["name"] == "modules")
        assert (queue["waiting"], queue["running"]) == (1, 0)
        answer = await works.service.user.post(f"{WORKFLOW}/queues/modules/resume")
        assert answer.status_code == 204
        await works.run("succeeded")
