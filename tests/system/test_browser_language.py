"""The UI in another language: chosen before the login, kept in the browser, left again."""

import sys
from pathlib import Path

import pytest
from playwright.async_api import expect

sys.path.insert(0, str(Path(__file__).parent))

from browser import assert_accessible, opened_page

from scanhub.demo.data import PASSWORD, USERNAME

pytestmark = [pytest.mark.system, pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
async def page(installation):
    async with opened_page(installation.url) as page:
        yield page


async def test_a_technician_works_in_german_and_goes_back_to_english(page, scene):
    await page.goto("/")
    await page.get_by_role("button", name="Deutsch").click()
    await page.get_by_label("Benutzername").fill(USERNAME)
    await page.get_by_label("Passwort", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Anmelden").click()
    await expect(page.get_by_role("heading", name="Arbeitsliste")).to_be_visible()
    assert await page.locator("html").get_attribute("lang") == "de"
    await assert_accessible(page)
    await page.goto(f"/exams/{scene.data.exam_id}")  # loads the page anew
    await expect(page.get_by_role("region", name="Warteschlange")).to_be_visible()
    await expect(page.get_by_role("button", name="Messung starten")).to_be_visible()
    await expect(page.get_by_role("heading", name="Verlauf")).to_be_visible()
    await assert_accessible(page)
    await page.get_by_role("button", name="Konto und Einstellungen").click()
    await page.get_by_role("menuitem", name="English").click()
    await expect(page.get_by_role("button", name="Start scan")).to_be_visible()
    assert await page.locator("html").get_attribute("lang") == "en"
