"""/api/v1/exam: sequences and results; then one scan, for raw data and images."""

import asyncio
import struct
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from nursery import start_program

from scanhub_device.simulator import default_sequence

from .driver import MALFORMED, UNKNOWN, Caller, Json, unique
from .forms import LIMITS, MRD_ACQUISITION, MRD_META, RESULT, SEQUENCE, has_form
from .record import a_patient, a_tree, exam_in, job_in, scan_in, workflow_in
from .scanners import a_device, save_credentials

HEADER = (
    b'<?xml version="1.0"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"></ismrmrdHeader>'
)
SCAN_SECONDS = 90


async def upload(user: Caller, data: bytes | None = None) -> Json:
    """Upload a sequence that can be played."""
    made: Json = await user.made(
        "a sequence is uploaded",
        "POST /exam/sequence",
        files={"seq_file": ("gre.seq", data or default_sequence().read_bytes())},
        data={"name": unique("gre"), "description": "", "sequence_type": "GRE", "tags": ["a", "b"]},
    )
    return made


async def _refused_uploads(user: Caller, text: bytes) -> None:
    create = "POST /exam/sequence"
    form = {"name": unique("gre"), "description": "x", "sequence_type": "GRE", "tags": ["a", "b"]}
    for says, files, data, status in [
        ("a sequence has a file", None, form, 422),
        ("a sequence has a name", {"seq_file": ("a.seq", text)}, {}, 422),
        ("a file has a name", {"seq_file": ("", text)}, form, {404, 422}),
        ("a file that is no text is refused", {"seq_file": ("a.seq", b"\xff\xfe\x00")}, form, 422),
        ("a file that is no Pulseq is refused", {"seq_file": ("a.seq", b"hello")}, form, 422),
    ]:
        await user.row(says, create, status, files=files, data=data)


async def _unknown_sequences(user: Caller, changed: Json) -> None:
    for method in ("GET", "PUT", "DELETE"):
        body = {"json": changed} if method == "PUT" else {}
        for identifier in (UNKNOWN, "nothing", "507f1f77bcf86cd799439011"):
            request = f"{method} /exam/sequence/{identifier}"
            await user.row(f"{method} of an unknown sequence is 404", request, 404, **body)


async def sequences(user: Caller) -> None:
    """Upload, read, download, change, delete."""
    text = default_sequence().read_bytes()
    made = await upload(user)
    has_form(user, "MRISequenceOut", made, SEQUENCE)
    user.holds("tags are a list", made["tags"] == ["a", "b"], made["tags"])
    await _refused_uploads(user, text)
    one = f"/exam/sequence/{made['_id']}"
    read = await user.made("a sequence is read with its text", f"GET {one}", 200)
    user.holds("the text is the file", read["seq_file"].encode() == text)
    found = await user.made("all sequences are listed", "GET /exam/sequences/all", 200)
    user.holds("the new one too", made["_id"] in {item["_id"] for item in found})
    user.holds("without their files", not any(item["seq_file"] for item in found))
    await user.row(
        "the file is downloaded under a name that was asked for",
        f"GET {one}/file?name=mine.seq",
        200,
        holds=lambda a: a.content == text and "mine.seq" in a.headers["content-disposition"],
    )
    odd = f"GET {one}/file?name=a%0d%0aX-Evil:%201"
    await user.row(
        "a name cannot add a header", odd, {200, 422}, holds=lambda a: "x-evil" not in a.headers
    )
    await user.row("without an MRD header there is none", f"GET {one}/header", 404)
    changed = {"name": "Changed", "description": "", "sequence_type": "", "tags": []}
    await user.row(
        "what is said of it can be changed, and cleared",
        f"PUT {one}",
        200,
        json=changed,
        holds=lambda a: (a.json()["description"], a.json()["tags"]) == ("", []),
    )
    await _unknown_sequences(user, changed)
    template = await user.made(
        "a task uses it", "POST /exam/task/new", json=scan_in(None, sequence_id=made["_id"])
    )
    await user.row("what a task uses is not deleted", f"DELETE {one}", 409)
    await user.row("the task goes", f"DELETE /exam/task/{template['id']}", 204)
    await user.row("then a sequence is deleted", f"DELETE {one}", 202)


async def _set_result(claimant: Caller, one: str) -> None:
    set_result = {"type": "MRD", "directory": "", "files": []}
    await claimant.refused(
        [
            (
                "a folder outside is refused",
                f"PUT {one}",
                422,
                {**set_result, "directory": "/etc", "files": ["passwd"]},
            ),
            ("a path is no file name", f"PUT {one}", 422, {**set_result, "files": ["../../x"]}),
            ("a file has to be there", f"PUT {one}", 422, {**set_result, "files": ["data.mrd"]}),
            ("a result is set", f"PUT {one}", 200, set_result),
            ("an unknown result is 404", f"PUT /exam/result/{UNKNOWN}", 404, set_result),
            ("a malformed id is 400", f"PUT /exam/result/{MALFORMED}", 400, set_result),
        ]
    )


async def results(user: Caller) -> None:
    """What a claim's holder may do with results, and nobody else."""
    exam, _, scan, _ = await a_tree(user, await a_patient(user))
    template = await user.made("a task template", "POST /exam/task/new", json=scan_in(None))
    create = f"POST /exam/result?task_id={scan['id']}"
    await user.row("a person makes no results", create, 403)
    body, path = {"claim_id": str(uuid4()), "device_id": str(uuid4())}, f"/exam/task/{scan['id']}"
    claim = await user.made("a task is claimed", f"POST {path}/claim", 200, json=body)
    has_form(user, "AcquisitionLimits", claim["task"]["acquisition_limits"], LIMITS)
    limits = claim["task"]["acquisition_limits"]
    user.holds("the weight is rounded down: the safe side", limits["patient_weight"] == 62)
    claimant = user.as_(claim["task_token"])
    blank = await claimant.made("a blank result", create)
    has_form(user, "ResultOut", blank, RESULT)
    empty = (blank["type"], blank["directory"], blank["files"]) == ("NOT_SET", "", [])
    user.holds("it is NOT_SET and has no files", empty, blank)
    one = f"/exam/result/{blank['id']}"
    for text, request, status in [
        ("the task is known", f"POST /exam/result?task_id={UNKNOWN}", {400, 403}),
        ("a template has no results", f"POST /exam/result?task_id={template['id']}", {400, 403}),
        ("a malformed id is no 500", f"POST /exam/result?task_id={MALFORMED}", {400, 422}),
        ("a result is read", f"GET {one}", 200),
        ("results of a task", f"GET /exam/result/all/{scan['id']}", 200),
    ]:
        await claimant.row(text, request, status)
    await _set_result(claimant, one)
    for identifier, status in [(UNKNOWN, 404), (MALFORMED, 400)]:
        await user.row(f"a result {identifier}", f"GET /exam/result/{identifier}", status)
        await user.row(f"deleting {identifier}", f"DELETE /exam/result/{identifier}", status)
    malformed = f"GET /exam/result/all/{MALFORMED}"
    await user.row("a malformed task id is no 500", malformed, {400, 422})
    await claimant.row("a result is deleted", f"DELETE {one}", 204)
    await user.row("then it is gone", f"GET {one}", 404)
    await user.row("a task at work is not deleted", f"DELETE /exam/{exam['id']}", 409)
    released = {"claim_id": claim["claim_id"], "status": "UPDATED", "reason": "contract"}
    await claimant.row(
        "the claim is given back", f"POST /exam/task/{scan['id']}/release", 200, json=released
    )
    await user.row("then the exam is deleted", f"DELETE /exam/{exam['id']}", 204)


@asynccontextmanager
async def scanner(user: Caller, device: Json) -> AsyncIterator[None]:
    """Connect a simulated scanner in a process of its own."""
    url = str(user.http.base_url).replace("http", "ws", 1).rstrip("/") + "/api/v1/device/ws"
    with tempfile.TemporaryDirectory() as folder:
        credentials = save_credentials(device, Path(folder))
        with (Path(folder) / "said").open("wb") as log:
            process = await start_program(
                *("-m", "scanhub_device.simulator", "--url", url),
                *("--credentials", credentials, "--time-scale", "0"),
                log=log,
            )
        try:
            async with asyncio.timeout(SCAN_SECONDS):
                path = f"/device/{device['device_id']}"
                while (await user.send("GET", path)).json()["status"] != "ONLINE":
                    await asyncio.sleep(0.1)
            yield
        finally:
            process.terminate()
            await process.wait()


async def _finished(user: Caller, task: Json) -> Json:
    async with asyncio.timeout(SCAN_SECONDS):
        while True:
            read: Json = (await user.send("GET", f"/exam/task/{task['id']}")).json()
            if read["status"] in {"FINISHED", "ERROR", "CANCELED"}:
                return read
            await asyncio.sleep(0.1)


async def scanned(user: Caller) -> None:
    """One scan and its reconstruction, then every form of their results."""
    device, sequence = await a_device(user), await upload(user)
    exam = await user.made("an exam", "POST /exam/new", json=exam_in(await a_patient(user)))
    flow = await user.made("a workflow", "POST /exam/workflow/new", json=workflow_in(exam))
    played = {"device_id": device["device_id"], "sequence_id": sequence["_id"], "calibration": []}
    body = scan_in(flow, **played)
    scan = await user.made("a scan", "POST /exam/task/new", json=body)
    job = await user.made("a job", "POST /exam/task/new", json=job_in(flow, scan["id"]))
    async with scanner(user, device):
        await user.row(
            "a scan is started", f"POST /workflowmanager/trigger_task/{scan['id']}/", 200
        )
        done = await _finished(user, scan)
    user.holds(
        "it ends FINISHED, 100 %", (done["status"], done["progress"]) == ("FINISHED", 100), done
    )
    raw = done["results"][-1]
    user.holds("with raw data", raw["type"] == "MRD", raw)
    done = await _finished(user, job)
    if done["status"] == "NEW":
        await user.row("a job is started", f"POST /workflowmanager/trigger_task/{job['id']}/", 200)
    user.holds("the reconstruction ends FINISHED", done["status"] == "FINISHED", done)
    images = done["results"][-1]
    user.holds("with images", images["type"] == "DICOM", images)
    await _images(user, f"/exam/dcm/{flow['id']}/{job['id']}", images)
    xnat = f"POST /exam/xnat/upload/{flow['id']}/{job['id']}/{images['id']}/{images['files'][0]}"
    await user.row("without XNAT set up, its upload says so", xnat, {501, 503})
    await _raw_data(user, f"/exam/mrd/{flow['id']}/{scan['id']}", raw)
    await user.row("the exam goes with all of it", f"DELETE /exam/{exam['id']}", 204)
    gone = f"GET /exam/dcm/{flow['id']}/{job['id']}/{images['id']}/{images['files'][0]}"
    await user.row("then the image is gone", gone, 404)


async def _images(user: Caller, task: str, result: Json) -> None:
    file = f"{task}/{result['id']}/{result['files'][0]}"
    whole = await user.row(
        "an image is DICOM Part 10, inline, not stored, not sniffed",
        f"GET {file}",
        200,
        holds=lambda a: (
            a.content[128:132] == b"DICM"
            and a.headers["content-disposition"].startswith("inline")
            and a.headers["cache-control"] == "no-store"
            and a.headers["x-content-type-options"] == "nosniff"
        ),
    )
    await user.row(
        "a range of it is 206",
        f"GET {file}",
        206,
        headers={"Range": "bytes=128-131"},
        holds=lambda a: a.content == b"DICM",
    )
    user.holds("it has a size", len(whole.content) > 1000)
    for name in ("nothing.dcm", "..%2f..%2fkeys", "%2fetc%2fpasswd"):
        answer = await user.row(
            f"{name} is refused", f"GET {task}/{result['id']}/{name}", {400, 404}
        )
        user.holds(
            "the refusal tells no folder of the server", "lake" not in answer.json()["detail"]
        )
    await user.row("an unknown result is 404", f"GET {task}/{UNKNOWN}/{result['files'][0]}", 404)


async def _odd_readouts(user: Caller, one: str, coils: int) -> None:
    for text, query, status in [
        ("any coil", f"ids=0&coil_idx={coils - 1}", 200),
        (
            "a coil that is not there is refused before it begins",
            f"ids=0&coil_idx={coils}",
            {400, 404, 422},
        ),
        ("a negative coil", "ids=0&coil_idx=-1", 422),
        ("no stride", "ids=0&stride=0", 422),
        ("ids that are none", "ids=a,b", {400, 422}),
        ("negative ids", "ids=-5", {400, 404, 422}),
        ("three million ids", "ids=0-3000000", {400, 404, 413, 422}),
        ("ids backwards", "ids=5-2", {400, 404, 422}),
        ("a step of zero", "ids=0-4:0", {400, 422}),
        ("no ids at all", "ids=", {200, 400, 422}),
    ]:
        await user.row(text, f"GET {one}/data?{query}", status)


async def _raw_data(user: Caller, task: str, result: Json) -> None:
    one = f"{task}/{result['id']}"
    meta = await user.made("the readouts are told", f"GET {one}/meta", 200)
    has_form(user, "MRDMetaResponse", meta, MRD_META)
    has_form(user, "MRDAcquisitionInfo", meta["acquisitions"][0], MRD_ACQUISITION)
    user.holds("as complex float32", meta["dtype"] == "fc32")
    user.holds("with a dwell time", all(a["dwell_time"] > 0 for a in meta["acquisitions"]))
    samples, last = meta["acquisitions"][0]["num_samples"], meta["acquisitions"][-1]
    answer = await user.row("readouts are sent as packets", f"GET {one}/data?ids=0-3:2", 200)
    magic, version, count = struct.unpack_from("<IHH", answer.content)
    user.holds("with the header of the contract", (magic, version, count) == (0x49534D52, 1, 2))
    head = struct.unpack_from("<IHHII", answer.content, 8)
    user.holds("and one for each readout", head == (0, 1, 1, samples, 8 * samples), head)
    whole = 8 + 2 * (16 + 8 * samples)
    user.holds("and nothing else", len(answer.content) == whole, len(answer.content))
    strided = await user.row("every second sample", f"GET {one}/data?ids=0&stride=2", 200)
    user.holds("is half of them", len(strided.content) == 24 + 8 * ((samples + 1) // 2))
    await _odd_readouts(user, one, last["num_coils"])
    await user.row(
        "the file is downloaded",
        f"GET {one}/download",
        200,
        holds=lambda a: a.content[:8] == b"\x89HDF\r\n\x1a\n",
    )
    for end in ("meta", "data?ids=0", "download"):
        await user.row(f"{end} of an unknown result is 404", f"GET {task}/{UNKNOWN}/{end}", 404)
