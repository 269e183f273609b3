"""mercure's questions are answered by what this installation did itself too, once each."""

import json

import pytest
from bookkeeping import KEY, Mercure, program_of, task_json
from images import SERIES
from ward import Ward

from workflow_manager.bookkeeper.merging import OWN

MODULE = """
import json, os, pathlib
source, target = (pathlib.Path(os.environ[f"MERCURE_{n}_DIR"]) for n in ("IN", "OUT"))
print("24 images")
(target / "result.json").write_text(json.dumps({"snr": 12}))
"""


@pytest.fixture
def opened(serving, tmp_path):
    """Return what starts a service that modules may run in, with a bookkeeper and a ward."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "measure.py").write_text(MODULE)

    def start(**changes):
        quiet = {"series_quiet_s": 3600.0, "module_folder": tmp_path / "modules"}
        return serving(bookkeeper_key=KEY, **quiet, **changes)

    return start


async def received(service, tmp_path, *numbers, series=SERIES):
    ward = Ward(service, tmp_path / "sent", 60)
    await ward.receive(series, *numbers)
    await ward.post(f"/series/{series}/complete")
    return ward


@pytest.fixture
async def routed(serving, migrated_url, tmp_path):
    """A case of two images that went to a folder, beside a task that mercure reported before."""
    (tmp_path / "to").mkdir()
    quiet = {"series_quiet_s": 3600.0, "database_url": migrated_url}
    async with serving(bookkeeper_key=KEY, **quiet) as service, program_of(service) as client:
        book = Mercure(client)
        folder = {"name": "PACS", "target_type": "folder", "folder": str(tmp_path / "to")}
        ward = Ward(service, tmp_path / "sent", 60)
        await ward.post("/targets", folder)
        await ward.add_rule("mr")
        await book.report("register-task", json={"id": "of-mercure", "series_uid": "9.9"})
        await received(service, tmp_path, 1, 2)
        yield book, await ward.case("done", rule="mr")


async def test_a_case_is_a_task_with_mercures_events(routed):
    book, case = routed
    (series,) = await book.ask("series")
    assert (series["series_uid"], series["description"]) == (SERIES, "T2")
    assert await book.ask("series", before=series["id"]) == []
    tasks = await book.ask("tasks")
    assert [task["id"] for task in tasks] == [case["id"], "of-mercure"]
    assert (tasks[0]["series_uid"], tasks[0]["tag_modality"]) == (SERIES, series["modality"])
    assert await book.ask("tasks", limit=1) == tasks[:1]
    assert await book.ask("tasks", limit=1, before=case["id"]) == tasks[1:]
    assert await book.ask("tasks", before="of-mercure") == []
    events = await book.ask("task-events", task_id=case["id"])
    told = [(one["event"], one["target"], one["file_count"], one["info"]) for one in events]
    assert told[0] == ("REGISTER", "", 2, "mr")
    assert [one[:2] for one in told[1:]] == [
        ("DISPATCH_BEGIN", "PACS"),
        ("DISPATCH_COMPLETE", "PACS"),
        ("COMPLETE", ""),
    ]
    assert told[2][2] == 2
    after = {"task_id": case["id"], "after": events[1]["id"]}
    assert await book.ask("task-events", **after) == events[2:]


async def test_a_case_is_found_in_the_archive_and_has_its_files_and_its_task_json(routed):
    book, case = routed
    files = await book.ask("dicom-files", series_uid=SERIES)
    assert [file["file_uid"] for file in files] == [f"{SERIES}.1", f"{SERIES}.2"]
    rest = await book.ask("dicom-files", series_uid=SERIES, after=files[0]["id"])
    assert rest == files[1:]
    assert await book.ask("dicom-files") == files
    assert await book.ask("dicom-files", limit=1) == files[:1]
    assert await book.ask("dicom-files", limit=1, after=files[0]["id"]) == files[1:]
    assert await book.ask("dicom-files", after=files[1]["id"]) == []
    told = {"filename": "x", "file_uid": "9.9.1", "series_uid": "9.9"}
    await book.report("register-dicom", data=told)
    known = [file["file_uid"] for file in await book.ask("dicom-files")]
    assert known == ["9.9.1", f"{SERIES}.1", f"{SERIES}.2"]
    page = await book.ask("find_task", **{"search[value]": "mr"})
    assert (page["recordsTotal"], page["recordsFiltered"]) == (2, 1)
    (row,) = page["data"]
    assert (row["task_id"], row["Scope"], row["Rule"]) == (case["id"], "SERIES", "mr")
    info = await book.ask("get_task_info", task_id=case["id"])
    document = info[f"task {case['id']}"]
    assert document["info"]["applied_rule"] == "mr"
    assert document["dispatch"]["status"]["PACS"]["state"] == "complete"
    assert info["information"]["modality"] == "MR"
    assert info["sample_tags_received"]["SeriesInstanceUID"] == SERIES


async def test_what_mercure_reported_of_the_same_is_told_once(opened, tmp_path):
    async with opened() as service, program_of(service) as client:
        book = Mercure(client)
        ward = await received(service, tmp_path, 1, 2)
        case = await ward.case("discarded", "done")
        report = {"SeriesInstanceUID": SERIES, "SeriesDescription": "T2 of mercure"}
        await book.report("register-series", data=report)
        (series,) = await book.ask("series")
        assert (series["description"], series["id"] < OWN) == ("T2 of mercure", True)
        file = {"filename": "1.dcm", "file_uid": f"{SERIES}.1", "series_uid": SERIES}
        await book.report("register-dicom", data=file)
        files = await book.ask("dicom-files", series_uid=SERIES)
        assert [one["file_uid"] for one in files] == [f"{SERIES}.1", f"{SERIES}.2"]
        assert await book.ask("dicom-files", series_uid=SERIES, after=files[0]["id"]) == files[1:]

        await book.report("update-task", json=task_json(case["id"], acc="A1"))
        await book.report("task-event", data={"task_id": case["id"], "event": "COPY"})
        assert [task["id"] for task in await book.ask("tasks")] == [case["id"]]
        assert (await book.ask("find_task"))["recordsTotal"] == 1
        events = [one["event"] for one in await book.ask("task-events", task_id=case["id"])]
        assert sorted(events) == ["COPY", "DISCARD", "REGISTER"]  # no rule asked for it


async def test_what_modules_of_a_case_wrote_and_answered_is_told(opened, tmp_path):
    async with opened(module_runtime="none") as service, program_of(service) as client:
        book = Mercure(client)
        ward = Ward(service, tmp_path / "sent", 60)
        module = {"name": "measure", "runner": "process", "entry_point": "measure.py"}
        await ward.post("/modules", {**module, "settings": {"strength": 2}})
        process = {"action": "process", "target": [], "processing_module": ["measure"]}
        await ward.add_rule("measured", **process)
        await received(service, tmp_path, 1)
        case = await ward.case("done", "failed", rule="measured")
        task = {"task_id": case["id"]}
        assert case["state"] == "done", case["reason"]
        events = [one["event"] for one in await book.ask("task-events", **task)]
        assert events == [
            "REGISTER",
            "PROCESS_BEGIN",
            "PROCESS_MODULE_BEGIN",
            "PROCESS_MODULE_COMPLETE",
            "PROCESS_COMPLETE",
            "COMPLETE",
        ]
        (log,) = await book.ask("task_process_logs", **task)
        assert (log["module_name"], "24 images" in log["logs"]) == ("measure", True)
        (output,) = await book.ask("task_process_results", **task)
        assert (output["module"], output["index"], output["output"]) == ("measure", 0, {"snr": 12})
        info = await book.ask("get_task_info", **task)
        assert info[f"task {case['id']}"]["process"][0]["settings"] == {"strength": 2}
        assert "24 images" not in json.dumps(info)
