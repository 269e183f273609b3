"""/api/v1/device, its websocket, and /api/v1/workflowmanager."""

import asyncio
import json
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from .driver import API, MALFORMED, UNKNOWN, Caller, Json, unique
from .forms import DEVICE, has_form
from .record import a_patient, a_tree, job_in, scan_in

SECONDS = 10


async def a_device(user: Caller) -> Json:
    body = {"name": unique("scanner"), "description": "of the contract"}
    made: Json = await user.made("a device is created", "POST /device/createdevice", json=body)
    return made


async def devices(user: Caller) -> None:
    """The registry."""
    create = "POST /device/createdevice"
    await user.refused(
        [
            ("a device has a name", create, {400, 422}, {"name": "", "description": "x"}),
            ("a device has a description", create, {400, 422}, {"name": "x", "description": ""}),
        ]
    )
    answer = await user.row(
        "a device is created, its credentials are a file to download",
        create,
        201,
        json={"name": unique("scanner"), "description": "x", "status": "ONLINE"},
        holds=lambda a: "device_credentials.json" in a.headers["content-disposition"],
    )
    made = answer.json()
    user.holds("the credentials are id and token", {"device_id", "device_token"} <= set(made))
    one = f"/device/{made['device_id']}"
    device = await user.made("a device is read", f"GET {one}", 200)
    has_form(user, "DeviceOut", device, DEVICE)
    user.holds("a new device is OFFLINE", device["status"] == "OFFLINE")
    user.holds("its token is not shown again", "token" not in json.dumps(device))
    parameter = f"/device/parameter/{made['device_id']}"
    larmor = {"larmor_frequency": 2e6}
    for text, request, status, body in [
        ("all devices", "GET /device/", 200, None),
        ("an unknown device is 404", f"GET /device/{UNKNOWN}", 404, None),
        ("a malformed id is 422", f"GET /device/{MALFORMED}", 422, None),
        ("parameters are set", f"PUT {parameter}", 200, larmor),
        ("of a known device", f"PUT /device/parameter/{UNKNOWN}", 404, larmor),
        ("a device is deleted", f"DELETE {one}", 204, None),
        ("once", f"DELETE {one}", 404, None),
    ]:
        await user.row(text, request, status, **({"json": body} if body else {}))


async def starts(user: Caller) -> None:
    """What cannot be started is refused, and the task stays as it was."""
    trigger, start = "POST /workflowmanager/trigger_task/", "POST /device/start_scan_via_websocket"
    device = await a_device(user)
    exam, flow, scan, job = await a_tree(user, await a_patient(user))
    ready = await user.made(
        "a scan that names its device",
        "POST /exam/task/new",
        json=scan_in(flow, device_id=device["device_id"]),
    )
    nothing = scan_in(flow, device_id=device["device_id"], calibration=[])
    empty = await user.made("a scan of nothing", "POST /exam/task/new", json=nothing)
    alone = await user.made("a job without input", "POST /exam/task/new", json=job_in(flow))
    for text, request, status in [
        ("the jobs are listed", "GET /workflowmanager/tasks/", 200),
        ("an unknown task is 404", f"{trigger}{UNKNOWN}/", 404),
        ("a malformed id is 4xx", f"{trigger}{MALFORMED}/", {400, 422}),
        ("a device that is offline is 503", f"{trigger}{ready['id']}/", 503),
        ("and stays so, it is not busy", f"{trigger}{ready['id']}/", 503),
        ("a scan without content is refused", f"{trigger}{empty['id']}/", {409, 422, 503}),
        ("a scan without device is refused", f"{trigger}{scan['id']}/", {400, 404, 409, 422}),
        ("a job without input is refused", f"{trigger}{alone['id']}/", {400, 409, 422}),
        ("a job whose input has no result too", f"{trigger}{job['id']}/", {400, 409, 422}),
        (
            "nobody calls a job finished",
            f"POST /workflowmanager/result_ready/{job['id']}/{UNKNOWN}",
            {401, 403, 404},
        ),
    ]:
        await user.row(text, request, status)
    for task in (ready, empty, scan, job, alone):
        read = await user.made("the task is read again", f"GET /exam/task/{task['id']}", 200)
        untouched = (read["status"], read["results"]) == ("NEW", [])
        user.holds("a refused start leaves NEW, and no blank result", untouched)
    await user.row(
        "a task that is not in the record does not start", start, 404, json={**ready, "id": UNKNOWN}
    )
    await user.row("a device that is offline is 503", start, 503, json=ready)
    await user.row("the exam goes with all of it", f"DELETE /exam/{exam['id']}", 204)


async def links(user: Caller) -> None:
    """The websocket of a device."""
    device = await a_device(user)
    url = str(user.http.base_url).replace("http", "ws", 1).rstrip("/") + f"{API}/device/ws"
    right = {"Device-Id": device["device_id"], "Device-Token": device["device_token"]}
    for text, changes in [
        ("a wrong token", {"Device-Token": "x"}),
        ("an unknown device", {"Device-Id": UNKNOWN}),
        ("a malformed device id", {"Device-Id": MALFORMED}),
    ]:
        user.holds(f"{text} is refused", await _is_refused(url, {**right, **changes}))
    one = f"GET /device/{device['device_id']}"
    async with connect(url, additional_headers=right) as socket:
        details = {
            "device_name": "Contract",
            "serial_number": "1",
            "manufacturer": "Bench",
            "modality": "MRI",
            "site": "Lab",
            "parameter": {},
            "status": "ONLINE",
        }
        answer = await _say(socket, {"command": "register", "data": details}, "feedback")
        said = answer.get("message") == "Device registered successfully"
        user.holds("register is answered with feedback", said, answer)
        answer = await _say(socket, {"command": "ping"}, "pong")
        user.holds("ping is answered with pong", answer.get("command") == "pong", answer)
        await socket.send("this is no JSON")
        await socket.send(json.dumps({"command": "update_status", "status": "ERROR"}))
        answer = await _say(socket, {"command": "ping"}, "pong")
        user.holds("a bad frame does not end the link", answer.get("command") == "pong", answer)
        read = (await user.row("the device is read", one, 200)).json()
        user.holds("what it said of itself is stored", read["manufacturer"] == "Bench", read)
    async with asyncio.timeout(SECONDS):
        while (await user.send("GET", f"/device/{device['device_id']}")).json()[
            "status"
        ] != "OFFLINE":
            await asyncio.sleep(0.1)
    user.holds("a device that left is OFFLINE", truth=True)
    await user.row("and can be deleted", f"DELETE /device/{device['device_id']}", 204)


async def _is_refused(url: str, headers: dict[str, str]) -> bool:
    try:
        async with connect(url, additional_headers=headers) as socket:
            await asyncio.wait_for(socket.wait_closed(), SECONDS)
            return socket.close_code == 1008
    except InvalidStatus as refusal:
        return refusal.response.status_code in {401, 403}


async def _say(socket: ClientConnection, message: Json, until: str) -> dict[str, Any]:
    """Send a message and return the first answer of a kind."""
    await socket.send(json.dumps(message))
    async with asyncio.timeout(SECONDS):
        while True:
            answer: dict[str, Any] = json.loads(await socket.recv())
            if answer.get("command") == until:
                return answer


def save_credentials(device: Json, folder: Path) -> Path:
    """Write the credentials as they are downloaded."""
    path = folder / "device_credentials.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(device))
    return path
