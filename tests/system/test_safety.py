"""The safety gate as the technician meets it: at the start button, through every service."""

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]


@pytest.mark.long
async def test_a_first_level_scan_is_refused_then_confirmed_and_told_in_the_journal(
    scene, hot_scanner
):
    task_id, http = scene.data.acquisition_task_id, scene.api.http
    trigger = f"/api/v1/workflowmanager/trigger_task/{task_id}/"
    headers = {"Authorization": f"Bearer {scene.api.token}"}
    async with hot_scanner():
        refused = await http.post(trigger, headers=headers)
        assert refused.status_code == 409, refused.text
        problem = refused.json()
        assert problem["safety"]["operating_mode"] == "first_level"
        assert "First Level" in problem["reasons"][0]
        asked = await scene.api.call(
            "POST", f"/device/{scene.data.device_id}/safety", json={"task_id": str(task_id)}
        )
        assert asked["fingerprint"] == problem["safety"]["fingerprint"]

        confirmation = {"fingerprint": asked["fingerprint"], "reason": "needed for the contrast"}
        body = {"safety_confirmation": {**confirmation, "fingerprint": "0" * 64}}
        assert (await http.post(trigger, headers=headers, json=body)).status_code == 409
        body = {"safety_confirmation": confirmation}
        started = await http.post(trigger, headers=headers, json=body)
        assert started.status_code == 200, started.text
        event = await scene.until("acquisition.finished", task_id=task_id)
        me = await scene.api.call("GET", "/userlogin/getcurrentuser")
        assert event["data"]["safety"]["confirmed_by"] == me["username"]
        acquisition_id = event["data"]["acquisition_id"]
        kept = await scene.api.call("GET", f"/device/acquisitions/{acquisition_id}")
        assert kept["safety"]["confirmation"]["reason"] == "needed for the contrast"
        assert kept["sequence_sha256"] == asked["basis"]["sequence_sha256"]
