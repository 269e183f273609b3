"""The simulated scanner on the real server, while things go wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import pytest
from scanner_lab import EXAM, Lab

from scanhub_device import ClientSettings, DeviceClient
from scanhub_device.simulator import BadLink, Fault, Magnet, SimulatedScanner, SimulatorSettings
from scanhub_device.simulator.sequences import write_gre

QUICK = ClientSettings(
    heartbeat_s=0.2,
    reconnect_base_s=0.1,
    reconnect_max_s=0.3,
    upload_retry_delays_s=(0.1, 0.1),
    http_upload_bytes=1,
)
OVER_LINK = {"http_upload_bytes": 1 << 40}
PATIENT = {
    "stop_deadline_seconds": 0.5,
    "lost_after_seconds": 2.0,
    "return_deadline_seconds": 20.0,
    "data_deadline_seconds": 20.0,
}


@pytest.fixture
async def lab(make_lab: Any) -> AsyncIterator[Lab]:
    async with make_lab(**PATIENT) as lab:
        yield lab


@asynccontextmanager
async def simulated(
    lab: Lab, folder: Path, *faults: str, time_scale: float = 0.5, **changes: Any
) -> AsyncIterator[str]:
    """Connect a simulated scanner behind a bad link; yield its id."""
    credentials = await lab.create_device()
    parsed = tuple(Fault.parse(text) for text in faults)
    scanner = SimulatedScanner(
        SimulatorSettings(
            coils=2, time_scale=time_scale, magnet=Magnet.out_of_adjustment(3), faults=parsed
        ),
        data_dir=folder,
    )
    options = {name: getattr(QUICK, name) for name in QUICK.__slots__}
    settings = ClientSettings(**{**options, **changes})
    async with BadLink(f"ws://{lab.address}/api/v1/device/ws", parsed) as link:
        device_id = credentials["device_id"]
        client = DeviceClient(
            link.url, device_id, credentials["device_token"], scanner, settings=settings
        )
        running = asyncio.create_task(client.run())
        try:
            await lab.device_becomes(device_id, "ONLINE")
            yield device_id
        finally:
            client.close()
            with suppress(asyncio.CancelledError):
                await running


async def start(lab: Lab, device_id: str, folder: Path, **changes: Any) -> dict[str, Any]:
    """Start a short gradient echo on the device; return its task."""
    path = folder / "gre.seq"
    write_gre(path, matrix=32, dummies=2, dwell=40e-6)
    answer = await lab.exam.post(
        f"{EXAM}/sequence",
        files={"seq_file": (path.name, path.read_bytes())},
        data={"name": "GRE"},
        timeout=60,
    )
    assert answer.status_code == 201, answer.text
    made = {"calibration": [], "sequence_id": answer.json()["_id"], **changes}
    task = await lab.create_task(device_id, **made)
    answer = await lab.start(task)
    assert answer.status_code == 200, answer.text
    return task


async def check_delivered(lab: Lab, task: dict[str, Any], device_id: str) -> None:
    """One whole file, a finished acquisition, a free device."""
    await lab.acquisition_becomes(task["id"], "finished", 30)
    await lab.device_becomes(device_id, "ONLINE")
    [name] = [name for name in lab.files() if name.endswith(".mrd")]
    [path] = (lab.lake_root / "lake").rglob(name)
    with h5py.File(path) as file:
        assert len(file["dataset/data"]) == 32


@pytest.mark.parametrize("changes", [{}, OVER_LINK], ids=["http", "websocket"])
@pytest.mark.parametrize(
    "fault",
    [
        "link-loss@upload:50%",
        "bit-flip",
        *(
            pytest.param(fault, marks=pytest.mark.long)
            for fault in ("link-loss=0.5@50%", "wrong-hash", "status-storm=300")
        ),
    ],
)
async def test_the_data_is_whole_in_the_end(
    lab: Lab, tmp_path: Path, fault: str, changes: dict[str, Any]
) -> None:
    async with simulated(lab, tmp_path, fault, **changes) as device_id:
        task = await start(lab, device_id, tmp_path)
        await check_delivered(lab, task, device_id)


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "code"),
    [("disk-full@30%", "disk-full"), ("error=coil-unplugged@30%", "coil-unplugged")],
)
async def test_what_fails_in_the_scanner_is_told_with_its_code_and_the_device_is_free(
    lab: Lab, tmp_path: Path, fault: str, code: str
) -> None:
    async with simulated(lab, tmp_path, fault) as device_id:
        for _ in range(2):
            task = await start(lab, device_id, tmp_path)
            row = await lab.acquisition_becomes(task["id"], "failed", 30)
            assert row["error_code"] == code
            await lab.device_becomes(device_id, "ONLINE")
        assert not [name for name in lab.files() if name.endswith(".mrd")]


async def test_a_stop_that_is_not_heard_is_told_as_unconfirmed(lab: Lab, tmp_path: Path) -> None:
    async with simulated(lab, tmp_path, "never-stops", time_scale=5) as device_id:
        task = await start(lab, device_id, tmp_path)
        await lab.task_becomes(task["id"], "INPROGRESS", 30)
        answer = (await lab.stop(device_id)).json()
        assert not answer["confirmed"], answer


@pytest.mark.long
async def test_a_half_open_link_is_lost_and_the_scan_comes_back(
    make_lab: Any, tmp_path: Path
) -> None:
    quick = {"idle_timeout_seconds": 1.0, "lost_after_seconds": 0.5}
    async with (
        make_lab(**{**PATIENT, **quick}) as lab,
        simulated(lab, tmp_path, "half-open=6@20%", time_scale=2) as device_id,
    ):
        task = await start(lab, device_id, tmp_path)
        await lab.acquisition_becomes(task["id"], "lost", 30)
        await check_delivered(lab, task, device_id)


async def test_calibrations_of_a_scan_are_written_to_the_device(lab: Lab, tmp_path: Path) -> None:
    magnet = Magnet.out_of_adjustment(3)
    async with simulated(lab, tmp_path, time_scale=0) as device_id:
        task = await start(
            lab, device_id, tmp_path, calibration=["shims", "frequency", "flip-angle"]
        )
        await check_delivered(lab, task, device_id)
        parameter = (await lab.device(device_id))["parameter"]
    assert parameter["larmor_frequency"] == pytest.approx(magnet.larmor_frequency_hz, abs=1)
    assert parameter["flip_angle_calibration"] == pytest.approx(1 / magnet.transmit, rel=0.01)
    assert parameter["shims"] == pytest.approx([-g for g in magnet.gradient_ut_per_m], abs=0.1)
