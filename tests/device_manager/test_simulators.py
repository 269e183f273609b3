"""Simulated scanners from the browser: where they are refused, and which device they may be."""

import pytest

from device_manager.simulators.rules import check_stands_in
from scanhub_libraries.errors import ConflictError

URL = "/api/v1/device/simulators"


async def test_a_server_that_starts_none_says_why_and_what_else_to_do(lab):
    told = (await lab.http.get(URL)).json()
    assert (told["allowed"], told["running"]) == (False, [])
    refused = await lab.http.post(URL, json={})
    assert refused.status_code == 403
    assert refused.json()["detail"] == told["reason"]
    assert "scanhub simulate-device" in told["reason"]
    assert (await lab.http.get("/api/v1/device/")).json() == []
    ended = await lab.http.delete(f"{URL}/0190aaaa-0000-7000-8000-00000000d001")
    assert ended.status_code == 204


def test_a_simulated_scanner_never_takes_the_place_of_a_real_one():
    check_stands_in(None, "simulator")
    check_stands_in("simulator", "simulator")
    with pytest.raises(ConflictError, match="'magnet'"):
        check_stands_in("magnet", "simulator")
