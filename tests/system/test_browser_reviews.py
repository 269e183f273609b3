"""A job of an exam that waits for a person, in a real browser: found, refused, let begin."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

sys.path.insert(0, str(Path(__file__).parent))

from browser import assert_accessible, log_in, opened_page
from conftest import Installation, Scene, started

from scanhub.demo.data import PASSWORD
from scanhub_device.simulator import SimulatedScanner, SimulatorSettings

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(180)]
REVIEWS = {"reconstruction": {"role": "scientist", "deadline_s": 7200, "at_deadline": "reject"}}


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    environment = {"SCANHUB_WORKFLOW_RUN_REVIEWS": json.dumps(REVIEWS)}
    async with started(Installation(tmp_path, environment=environment)) as server:
        yield server


async def add_user(scene: Scene, name: str, role: str) -> None:
    person = {"username": name, "first_name": "Ida", "last_name": "Ray", "role": role}
    secret = {"access_token": PASSWORD, "token_type": "password"}
    body = {**person, **secret, "email": f"{name}@example.org"}
    await scene.api.call("POST", "/userlogin/createuser", json=body)


async def scan(scene: Scene) -> None:
    async with scene.scanner(SimulatedScanner(SimulatorSettings(time_scale=0))):
        task = scene.data.acquisition_task_id
        await scene.api.call("POST", f"/workflowmanager/trigger_task/{task}/")
        await scene.until("run.waiting")


async def test_a_reconstruction_begins_when_a_scientist_has_let_it(
    scene: Scene, installation: Installation
) -> None:
    await add_user(scene, "doctor", "medical")
    await add_user(scene, "physicist", "scientist")
    await scan(scene)
    async with opened_page(installation.url) as page:
        await log_in(page, "/runs?view=review", "doctor")
        await page.get_by_test_id("table-row").click()
        review = page.get_by_role("complementary", name="Run").get_by_role("form", name="Review")
        await expect(review).to_contain_text("Decided by somebody whose role is scientist")
        await expect(review.get_by_role("button", name="Approve")).to_be_disabled()
        await assert_accessible(page)
    async with opened_page(installation.url) as page:
        await log_in(page, "/runs?view=review", "physicist")
        await page.get_by_test_id("table-row").click()
        run = page.get_by_role("complementary", name="Run")
        review = run.get_by_role("form", name="Review")
        await review.get_by_label("Why").fill("The lines are all there")
        await assert_accessible(page)
        await review.get_by_role("button", name="Approve").click()
        await scene.until("run.succeeded")
        await expect(run).to_contain_text("Approved by physicist")
        await expect(run).to_contain_text("The lines are all there")
        timeline = run.get_by_role("region", name="Timeline")
        await expect(timeline).to_contain_text("approved by physicist")
        await assert_accessible(page)
