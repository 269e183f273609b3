"""Modules run for a case, one after the other; what they make is indexed and sent."""

import json

import pydicom
import pytest
from effort import POSTGRESQL_IN_CI
from images import SERIES, STUDY

pytestmark = pytest.mark.timeout(240)
DERIVE = "for number, path in enumerate(images, 1):\n    derive(path, number)\n"


@POSTGRESQL_IN_CI
async def test_a_module_makes_a_series_that_is_sent_and_meets_no_rule(working, node, migrated_url):
    async with working(database_url=migrated_url) as works:
        await works.ward.add_target("PACS", node.port)
        told = await works.module("smooth", DERIVE, settings={"name": "plain", "sigma": 2})
        assert told["problems"] == []
        await works.rule(
            "smooth", action="both", target=["PACS"], processing_settings={"name": "smoothed"}
        )
        await works.series(SERIES, 1, 2)
        case = await works.ward.case("done", "failed", rule="process")
        assert (case["state"], case["targets"]) == ("done", ["PACS"]), case["reason"]
        whole = await works.service.get(f"/cases/{case['id']}")
        (run,) = whole["processing"]
        (step,) = run["steps"]
        assert step["settings"] == {"name": "smoothed", "sigma": 2}
        assert (run["state"], run["images"], step["exit_code"]) == ("succeeded", 2, 0)
        assert [series["derived"] for series in whole["series"]] == [False, True]
        derived = f"{SERIES}.9"
        assert sorted(node.received) == [f"{derived}.1", f"{derived}.2"]
        assert {str(image.SeriesInstanceUID) for image in works.images("smoothed")} == {derived}
        # No rule saw what the module made.
        assert len(await works.service.get("/cases")) == 1
        types = [event["type"] for event in whole["timeline"]]
        wanted = ["processing.queued", "processing.started", "processing.step", "case.done"]
        assert [name for name in types if name in wanted] == wanted
        assert not any((works.service.wiring.lake.root / "processing").glob("*/1"))


SAY = """
(target / "result.json").write_text(json.dumps({"step": task["process"]["module_name"],
    "saw": sorted(p.name for p in source.iterdir()), "id": task["id"], "info": task["info"]}))
(target / "note.txt").write_text("to the next one")
print("hello", os.environ.get("LICENCE"), os.environ.get("SCANHUB_WORKFLOW_SECRETS_KEY"))
"""


async def test_the_output_of_a_step_is_the_input_of_the_next_and_the_contract_is_mercures(working):
    async with working() as works:
        await works.module("one", DERIVE + SAY, environment={"LICENCE": "the-licence"})
        await works.module("two", DERIVE + SAY)
        settings = [{"name": "first", "branch": 1}, {"name": "second", "branch": 2}]
        await works.rule("one", "two", processing_settings=settings)
        await works.series(SERIES, 1)
        run = await works.run("succeeded", "failed")
        assert run["state"] == "succeeded", run["reason"]
        (one, first), (two, second) = (told.values() for told in run["outputs"])
        name = f"{SERIES}#{SERIES}.1"
        assert (one, two, first["step"], second["step"]) == ("one", "two", "one", "two")
        assert first["saw"] == [f"{name}.dcm", f"{name}.tags", "task.json"]
        assert second["saw"] == ["1.dcm", "note.txt", "task.json"]
        info = first["info"]
        assert (info["patient_name"], info["mrn"], info["acc"]) == ("Doe^Jane", "P-1", "MISSING")
        assert (info["applied_rule"], info["uid"], info["sender_aet"]) == (
            "process",
            SERIES,
            "SCANNER",
        )
        assert first["id"] == run["case_id"]
        assert (len(works.images("first")), len(works.images("second"))) == (0, 1)
        assert run["other_files"] == ["note.txt"]
        path = f"/api/v1/workflowmanager/processing/{run['id']}/files"
        answer = await works.service.user.get(f"{path}/note.txt")
        assert answer.text == "to the next one"
        assert (await works.service.user.get(f"{path}/../logs/1.log")).status_code == 404
        # Of the variables it has its own, and none of the server.
        assert (await works.log(run)).endswith(" hello the-licence None\n")
        assert json.dumps(run).count("the-licence") == 1  # its own words, in the log


@POSTGRESQL_IN_CI
async def test_a_failure_names_module_step_and_reason_and_the_retry_begins_there(
    working, migrated_url
):
    async with working(database_url=migrated_url) as works:
        await works.module("one", DERIVE, settings={"branch": 1})
        await works.module("two", 'print("no licence", file=sys.stderr)\nsys.exit(3)')
        await works.rule("one", "two")
        await works.series(SERIES, 1)
        case = await works.ward.case("failed", rule="process")
        wanted = "Module two, step 2 of 2: It ended with exit code 3. Its last words: no licence"
        assert case["reason"] == wanted
        await works.ward.post(f"/cases/{case['id']}/processing/cancel", status=409)
        await works.module_changed("two", DERIVE)
        await works.ward.post(f"/cases/{case['id']}/retry")
        run = await works.run("succeeded", "failed", number=2)
        assert (run["state"], run["first_step"]) == ("succeeded", 2), run["reason"]
        assert [step["state"] for step in run["steps"]] == ["reused", "succeeded"]
        assert run["requested_by"] == "user:tester"
        case = await works.ward.case("done", rule="process")
        await works.ward.post(f"/cases/{case['id']}/processing/retry", status=409)


async def test_what_a_module_may_not_replace_gets_uids_of_its_own(working):
    """It wrote other pixels under the UIDs of the original, and gave back a part of a series."""
    change = """
    image = pydicom.dcmread(images[0])
    image.SeriesDescription, image.PixelData = "brighter", bytes(len(image.PixelData))
    image.save_as(target / "same-uids.dcm")
    """
    async with working() as works:
        await works.module("brighten", change)
        await works.rule("brighten")
        await works.series(SERIES, 1, 2)
        run = await works.run("succeeded", "failed")
        assert run["state"] == "succeeded", run["reason"]
        (image,) = works.images("brighter")
        assert image.StudyInstanceUID == STUDY
        assert str(image.SOPInstanceUID).startswith("2.25.")
        assert image.SeriesInstanceUID != SERIES
        assert len(works.images("T2")) == 2
        assert len(await works.service.get("/cases")) == 1


@pytest.mark.long
async def test_images_that_come_out_as_they_went_in_are_sent_as_they_are(working, node):
    keep = "for path in images:\n    (target / path.name).write_bytes(path.read_bytes())\n"
    async with working() as works:
        await works.ward.add_target("PACS", node.port)
        await works.module("all", keep)
        await works.module("some", keep.replace("images", "images[:1]"))
        await works.rule("all", name="whole", action="both", target="PACS")
        await works.series(SERIES, 1, 2)
        await works.ward.case("done", rule="whole")
        assert sorted(node.received) == [f"{SERIES}.1", f"{SERIES}.2"]
        node.received.clear()
        await works.rule("some", name="part", action="both", target="PACS")
        await works.series(f"{SERIES}.7", 1, 2)
        await works.ward.case("done", rule="part")
        # Of the second series one image was given back: the other must not go out with it.
        await works.ward.case("done", rule="whole", series_instance_uid=f"{SERIES}.7")
        part = [uid for uid in node.received if uid.startswith("2.25.")]
        assert len(part) == 1


async def test_retained_images_go_with_what_came_out(working, node):
    async with working() as works:
        await works.ward.add_target("PACS", node.port)
        await works.module("smooth", DERIVE)
        await works.rule("smooth", action="both", target="PACS", processing_retain_images=True)
        await works.series(SERIES, 1)
        await works.ward.case("done", rule="process")
        assert sorted(node.received) == [f"{SERIES}.1", f"{SERIES}.9.1"]


async def test_a_study_is_processed_as_one(working):
    async with working() as works:
        await works.module("count", "(target / 'result.json').write_text(str(len(images)))")
        await works.rule("count", action_trigger="study")
        await works.series(SERIES, 1)
        await works.series(f"{SERIES}.7", 1, 2)
        case = await works.ward.case("waiting", rule="process")
        await works.ward.post(f"/cases/{case['id']}/complete")
        run = await works.run("succeeded", "failed")
        assert run["outputs"] == [{"module": "count", "result": 3}], run["reason"]
        done = await works.ward.case("done", rule="process")
        assert done["reason"] == "Processed: 0 images came out."


async def test_a_file_that_is_no_image_fails_and_a_link_leads_nowhere(working):
    leave = """
    (target / "passwd.dcm").symlink_to("/etc/passwd")
    (target / "result.json").symlink_to("/etc/passwd")
    (target / "broken.dcm").write_text("no image")
    """
    async with working() as works:
        await works.module("leave", leave)
        await works.rule("leave")
        await works.series(SERIES, 1)
        run = await works.run("failed")
        assert run["reason"].startswith("broken.dcm of the last module cannot be indexed")
        assert run["outputs"] == [{"module": "leave", "result": None}]
        assert pydicom.dcmread(next((works.service.wiring.lake.root / "dicom").rglob("*.dcm")))
