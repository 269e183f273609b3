"""A page of the UI in Chromium, as a technician has it."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright, expect

from scanhub.demo.data import PASSWORD, USERNAME

expect.set_options(timeout=30_000)
"""How long a page may take to show something: on a busy machine, longer than the usual 5 s."""

FRONTEND = Path(__file__).parents[2] / "frontend"
UI = FRONTEND / "dist" / "index.html"
AXE = FRONTEND / "node_modules" / "axe-core" / "axe.min.js"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-swiftshader",
]


def missing(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@asynccontextmanager
async def opened_page(url: str, **options: Any) -> AsyncIterator[Page]:
    """Open a page; an error that no code of the page catches fails the test.

    Args:
        url: Where it is.
        options: Of the browser's context, such as its time zone.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("chromium is not installed")
    if not UI.is_file():
        missing("the UI is not built: run `make setup`")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = await browser.new_page(
            base_url=url, **{"viewport": {"width": 1280, "height": 800}, **options}
        )
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        await browser.close()
        assert errors == []


async def log_in(
    page: Page, path: str = "/", username: str = USERNAME, password: str = PASSWORD
) -> None:
    await page.goto(path)
    await page.get_by_label("User name").fill(username)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Log in").click()


async def assert_accessible(page: Page) -> None:
    """Fail if the page, as it is now, breaks a rule of WCAG 2.2 AA that a program can see."""
    await page.evaluate(AXE.read_text())
    tags = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
    found = await page.evaluate("tags => axe.run(document, { runOnly: tags })", tags)
    broken = [
        (rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found["violations"]
    ]
    assert broken == []


async def unsure_contrasts(page: Page) -> list[object]:
    """Return where a program cannot tell whether a text can be read: nothing may hide there.

    What is cut off where a list scrolls is such a place: so the page is made high meanwhile.
    """
    seen = page.viewport_size or {"width": 1280, "height": 800}
    await page.set_viewport_size({"width": seen["width"], "height": 2400})
    await page.evaluate(AXE.read_text())
    options = {"runOnly": ["color-contrast"]}
    found = await page.evaluate("options => axe.run(document, options)", options)
    await page.set_viewport_size(seen)
    return [node["target"] for rule in found["incomplete"] for node in rule["nodes"]]
