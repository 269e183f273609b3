"""Jobs of the SDK as modules of rules: each in a process of its own, over the API."""

import hashlib
import json

import httpx
import pydicom
import pytest
from images import SERIES
from workflow_service import WORKFLOW, until

from scanhub_libraries.database import transaction
from workflow_manager.dicom.entries import Origin
from workflow_manager.modules.repository import HISTORY

pytestmark = pytest.mark.timeout(240)


def steps_of(run):
    return [(step["job"], step["state"], step["reason"]) for step in run["steps"]]


@pytest.mark.long
@pytest.mark.disk  # they change files in their own folders and in the gate only
async def test_a_study_job_reads_what_ran_for_each_of_its_series(working):
    async with working("denoise", "segment") as jobs:
        await jobs.module("denoise")
        await jobs.module("segment", settings={"threshold": 0.4})
        await jobs.rule(
            "denoise", "segment", action_trigger="study", study_trigger_condition="timeout"
        )
        for number in (1, 2):
            await jobs.series(f"{SERIES}.{number}", *range(1, number + 1))
        case = await jobs.ward.case("waiting", rule="process")
        await jobs.ward.post(f"/cases/{case['id']}/complete")
        run = await jobs.run("succeeded", "failed")
        assert run["state"] == "succeeded", (run["reason"], await jobs.log(run))
        first, second = (step["executions"] for step in run["steps"])
        assert [(one["event"], one["subject"]) for one in first] == [
            ("stable-series", f"{SERIES}.1"),
            ("stable-series", f"{SERIES}.2"),
        ]
        of_study = second[-1]
        assert of_study["event"] == "stable-study"
        uids = [f"{SERIES}.1", f"{SERIES}.2"]
        assert of_study["returned"] == {"total": 3, "uids": uids, "threshold": 0.4}
        assert "INFO threshold 0.4" in await jobs.log(run, 2)
        data = await jobs.service.get(f"/processing/{run['id']}/data")
        told = [(one["job"], one["subject"], one["name"], one["value"]) for one in data]
        assert told == [("denoise", uid, "count", n) for n, uid in enumerate(uids, 1)]
        files = await jobs.service.get(f"/processing/{run['id']}/session-files")
        assert [(one["name"], one["size"], one["meta"]) for one in files] == [
            ("uid.txt", len(uid), {"of": "series"}) for uid in uids
        ]
        path = f"{WORKFLOW}/processing/{run['id']}/session-files/{files[1]['key']}/file"
        assert (await jobs.service.user.get(path)).text == uids[1]


async def test_what_a_job_is_told_and_sees(working, tmp_path):
    async with working("looks") as jobs:
        run = await jobs.one("looks", 3, 1, 2)
        assert run["state"] == "succeeded", (run["reason"], await jobs.log(run))
        result = run["outputs"][0]["result"]
        sent = (tmp_path / "sent" / SERIES).glob("*.dcm")
        hashes = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in sent)
        assert result == {
            "child": ["looks", "stable-series", run["id"], "jobs_for_test", 1],
            "hashes": hashes,
            "pixels": False,
            "order": [1, 2, 3],
            "refused": "UnknownJobError: 'looks' does not declare 'denoise': "
            "put it into its needs.",
            "files": ["notes.txt"],
            "notes": "two",
            "meta": {"n": 2},
            "odd": True,
            "names": ["child", "odd"],
            "missing": ["DataNotFoundError", "ArtifactNotFoundError", "PeerNotFoundError"],
            "sender": None,
        }
        folder = jobs.service.wiring.lake.root / "job_sessions"
        assert [path.read_bytes() for path in folder.rglob("files/*")] == [b"two"]


PREDICATES = {
    "skip": ("skipped", "nothing to see"),
    "no": ("skipped", "The predicate said no."),
    "fail": ("failed", "RuntimeError: the predicate broke"),
    "overlay": ("succeeded", ""),
}


@pytest.mark.parametrize(
    "labels", [("skip", "overlay"), pytest.param(("no", "fail"), marks=pytest.mark.long)]
)
async def test_a_predicate_says_whether_a_job_runs(working, labels):
    async with working("denoise", "segment", "after", module_slots=2) as jobs:
        runs = await jobs.beside(
            ["denoise", "segment", "after"], [{"label": label} for label in labels], at=1
        )
        for label, run in zip(labels, runs, strict=True):
            state, reason = PREDICATES[label]
            assert steps_of(run)[1] == ("segment", state, reason)
            needs = "'segment', which it needs, is skipped."
            last = {
                "skipped": ("after", "blocked", needs),
                "succeeded": ("after", "succeeded", ""),
                "failed": ("", "canceled", steps_of(run)[2][2]),
            }
            assert steps_of(run)[2] == last[state]
            if label == "overlay":
                assert run["outputs"][1]["result"]["threshold"] == 0.25


ENDINGS = {
    "raise": (2, 'RuntimeError: it said "no"'),
    "at_fault": (1, "JobInputError: The images have no geometry."),
    "exit": (2, "SystemExit: 3"),
    "segfault": (2, "SIGSEGV: The process ended without a result."),
    "unserialisable": (2, "ValueRefusedError: what the job returned is a object"),
}


@pytest.mark.parametrize(
    "ways",
    [
        ("at_fault", "segfault"),
        pytest.param(("raise", "exit", "unserialisable"), marks=pytest.mark.long),
    ],
)
async def test_each_way_to_end_is_one_state(working, ways):
    async with working("ends", module_slots=2) as jobs:
        runs = await jobs.beside(["ends"], [{"how": how} for how in ways])
        for how, run in zip(ways, runs, strict=True):
            tries, reason = ENDINGS[how]
            (execution,) = run["steps"][0]["executions"]
            ended = (run["state"], execution["state"], execution["attempt"])
            assert ended == ("failed", "failed", tries)
            assert execution["reason"].startswith(reason)
            assert execution["failure"]["input_at_fault"] == (how == "at_fault")
            case = await jobs.service.get(f"/cases/{run['case_id']}")
            assert reason in case["reason"]
            (tried,) = await jobs.service.get(f"/processing/{run['id']}/data")
            assert (tried["name"], tried["value"]) == ("tries", tries)


@pytest.mark.long
async def test_a_job_that_is_tried_again_makes_the_same_images_once(working):
    async with working("makes") as jobs:
        (jobs.gate / "fail").touch()
        run = await jobs.one("makes")
        assert (run["state"], run["images"]) == ("succeeded", 1), run["reason"]
        (execution,) = run["steps"][0]["executions"]
        assert execution["attempt"] == 2
        root = jobs.service.wiring.lake.root / "dicom"
        made = [pydicom.dcmread(path) for path in root.rglob("*.dcm")]
        (image,) = [one for one in made if one.SeriesDescription == "made"]
        assert run["outputs"][0]["result"] == {"kept": [image.SOPInstanceUID]}
        detail = await jobs.service.get(f"/cases/{run['case_id']}")
        derived = [one["series_instance_uid"] for one in detail["series"] if one["derived"]]
        assert derived == [image.SeriesInstanceUID]


@pytest.mark.long
async def test_a_deaf_job_is_killed_when_its_time_is_over(working):
    async with working("slow") as jobs:
        run = await jobs.one("slow")
        assert steps_of(run) == [
            ("slow", "timed_out", "The job took longer than its timeout of 1 s.")
        ]


async def test_a_token_is_for_one_run_and_ends_with_it(working):
    async with working("waits") as jobs:
        await jobs.module("waits")
        await jobs.rule("waits")
        await jobs.series(SERIES, 1)
        await until((jobs.gate / "environment.json").exists, 120)
        variables = json.loads((jobs.gate / "environment.json").read_text())
        url, token = variables["SCANHUB_JOB_URL"], variables["SCANHUB_JOB_TOKEN"]
        assert not [name for name in variables if "DATABASE" in name or "SECRET" in name]
        (running,) = await jobs.service.get("/processing")
        assert running["state"] == "running"
        (execution,) = running["steps"][0]["executions"]
        assert (execution["progress"], execution["message"]) == (0.25, "waiting")
        assert "WARNING it waits" in await jobs.log(running)
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as job:
            assert (await job.get(f"{url}/run")).json()["run"]["session"]["id"] == running["id"]
            other = url.replace(running["id"], "0199c1a0-7c11-7b6e-9e3f-3f1b7e1c2d4a")
            assert (await job.get(f"{other}/run")).status_code == 403
            base = url.partition("/job/")[0]
            assert (await job.get(f"{base}/cases")).status_code == 403
            assert (await jobs.service.user.get(f"{url}/run")).status_code == 403
            (jobs.gate / "go").touch()
            run = await jobs.run("succeeded", "failed")
            assert run["state"] == "succeeded", run["reason"]
            ended = await job.get(f"{url}/run")
            assert (ended.status_code, ended.json()["type"]) == (401, "/problems/token-invalid")
        told = json.dumps([await jobs.service.get("/journal"), run]) + await jobs.log(run)
        assert token not in told
        root = jobs.service.wiring.lake.root.parent
        files = [path for path in root.rglob("*") if path.is_file() and "gate" not in path.parts]
        assert not [path for path in files if token.encode() in path.read_bytes()]


@pytest.mark.long
async def test_a_job_is_told_to_stop_before_it_is_killed(working):
    async with working("waits") as jobs:
        await jobs.module("waits")
        await jobs.rule("waits")
        await jobs.series(SERIES, 1)
        await until((jobs.gate / "environment.json").exists, 120)
        (case,) = await jobs.service.get("/cases?state=processing")
        await jobs.ward.post(f"/cases/{case['id']}/processing/cancel")
        run = await jobs.run("canceled")
        (execution,) = run["steps"][0]["executions"]
        assert execution["state"] == "cancelled"
        assert (jobs.gate / "told to stop").exists()


@pytest.mark.long
async def test_a_job_sends_by_itself_to_the_nodes_that_its_module_names(working, node):
    async with working("sends") as jobs:
        for name in ("NODE", "OTHER"):
            await jobs.ward.add_target(name, node.port)
        await jobs.module("sends", peers=["NODE", "GONE"])
        await jobs.rule("sends")
        await jobs.ward.receive(SERIES, 1, origin=Origin(source="PEER", sender_address="127.0.0.1"))
        await jobs.ward.post(f"/series/{SERIES}/complete")
        run = await jobs.run("succeeded", "failed")
        assert run["state"] == "succeeded", (run["reason"], await jobs.log(run))
        assert run["outputs"][0]["result"] == {"peers": ["NODE"], "sender": "NODE"}
        assert node.received == [f"{SERIES}.1"]


async def test_parameters_and_order_are_checked_when_they_are_saved(working):
    async with working("denoise", "segment") as jobs:
        body = {"name": "seg", "runner": "job", "job": "segment", "settings": {"threshold": 2}}
        refused = await jobs.ward.post("/modules", body, 422)
        assert refused["field"] == "settings.threshold"
        told = await jobs.module("nothing")
        assert "There is no job 'nothing'" in told["problems"][0]
        await jobs.module("segment", name="seg")
        await jobs.module("denoise")
        rule = {"name": "r", "rule": "True", "action": "process", "target": []}
        refused = await jobs.ward.post("/rules", {**rule, "processing_module": ["seg"]}, 422)
        assert refused["problems"] == [
            {
                "field": "processing_module",
                "problem": "The job 'segment' needs 'denoise', which does not come before it.",
            }
        ]
        chain = {**rule, "processing_module": ["denoise", "seg"]}
        wrong = {**chain, "processing_settings": [{}, {"threshold": "high", "lable": "x"}]}
        refused = await jobs.ward.post("/rules", wrong, 422)
        assert refused["field"] == "processing_settings.threshold"
        await jobs.ward.post("/rules", {**chain, "processing_settings": [{}, {"threshold": 1}]})


async def test_a_version_of_a_module_comes_back_only_if_its_job_still_takes_it(working):
    async with working("ends") as jobs:
        await jobs.module("ends", name="m", settings={"how": "exit"})
        body = {"name": "m", "runner": "job", "job": "ends", "settings": {"how": "raise"}}
        path = f"{WORKFLOW}/modules/m"
        assert (await jobs.service.user.put(path, json=body)).status_code == 200
        # Another version of the package was installed when the first one was made.
        async with transaction(jobs.service.wiring.sessions) as session:
            first = await HISTORY.get_version(session, "m", 1)
            first.document = {**first.document, "settings": {"how": 5}}
        refused = await jobs.ward.post("/modules/m/versions/1/revert", status=422)
        assert refused["field"] == "settings.how"
        assert (await jobs.service.get("/modules/m"))["version"] == 2
        await jobs.ward.post("/modules/m/versions/9/revert", status=404)


async def test_a_version_of_a_rule_comes_back_only_if_its_jobs_still_take_it(working):
    async with working("ends") as jobs:
        await jobs.module("nothing", name="m")  # a job that is not there yet may be named
        rule = {"name": "r", "rule": "True", "action": "process", "processing_module": ["m"]}
        await jobs.ward.post("/rules", {**rule, "processing_settings": {"how": 5}})
        of_ends = {**rule, "processing_settings": {"how": "raise"}}
        rules, modules = f"{WORKFLOW}/rules", f"{WORKFLOW}/modules"
        assert (await jobs.service.user.put(f"{rules}/r", json=of_ends)).status_code == 200
        ends = {"name": "m", "runner": "job", "job": "ends", "settings": {"how": "exit"}}
        assert (await jobs.service.user.put(f"{modules}/m", json=ends)).status_code == 200
        refused = await jobs.ward.post("/rules/r/versions/1/revert", status=422)
        assert refused["field"] == "processing_settings.how"
        assert (await jobs.service.get("/rules/r"))["version"] == 2
        await jobs.ward.post("/rules/r/versions/9/revert", status=404)
        discard = {**rule, "action": "discard", "processing_module": []}
        assert (await jobs.service.user.put(f"{rules}/r", json=discard)).status_code == 200
        back = await jobs.ward.post("/rules/r/versions/2/revert")
        assert (back["version"], back["processing_settings"]) == (4, {"how": "raise"})
