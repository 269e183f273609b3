"""Pages of an installation in Chromium, and what is measured within them."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from scanhub.demo.data import PASSWORD, USERNAME

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
_SCREEN = ViewportSize(width=1280, height=800)

# Moves by the same distance in each frame, to the end and back; tells how long frames took [ms].
SCROLL = """async ([selector, seconds, step]) => {
  const list = document.querySelector(selector);
  const frame = () => new Promise(requestAnimationFrame);
  const end = list.scrollHeight - list.clientHeight;
  list.scrollTop = 0;
  for (let n = 0; n < 10; n++) await frame();
  const gaps = [];
  let top = 0, by = step, last = await frame();
  const began = last;
  while (last - began < 1000 * seconds) {
    if (top + by > end || top + by < 0) by = -by;
    list.scrollTop = top += by;
    const now = await frame();
    gaps.push(now - last);
    last = now;
  }
  return gaps;
}"""

# As many rows, with the same words in as many cells, and nothing else.
PLAIN = """([selector, count]) => {
  const rows = [...document.querySelectorAll(`${selector} [data-row-index]`)].map(
    (row) => [...row.querySelectorAll('[role="cell"]')].map((cell) => cell.textContent));
  const list = document.createElement("div");
  list.id = "plain";
  list.style = "height: 700px; overflow: auto; font: 14px sans-serif";
  for (let n = 0; n < count; n++) {
    const line = document.createElement("div");
    line.style = "display: flex; height: 44px";
    for (const text of rows[n % rows.length]) {
      const cell = document.createElement("span");
      cell.style = "flex: 1; overflow: hidden; white-space: nowrap";
      cell.textContent = text;
      line.append(cell);
    }
    list.append(line);
  }
  document.body.replaceChildren(list);
}"""

# Resolves with the time [ms] since the page began, or since the click, when all is there and drawn.
SHOWN = """([selectors, since]) => new Promise((resolve) => {
  const look = () => {
    const there = selectors.every(([selector, count]) =>
      document.querySelectorAll(selector).length >= count);
    if (!there) return requestAnimationFrame(look);
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - since)));
  };
  look();
})"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run Chromium without a window.

    Raises:
        RuntimeError: It is not installed.
    """
    path = shutil.which("chromium")
    if path is None:
        raise RuntimeError("chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def logged_in(browser: Browser, url: str) -> AsyncIterator[Page]:
    """Open a page of somebody who is logged in; its cache is empty."""
    context = await browser.new_context(base_url=url, viewport=_SCREEN)
    try:
        page = await context.new_page()
        await page.goto("/")
        await page.get_by_label("User name").fill(USERNAME)
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_role("navigation", name="Main").wait_for()
        yield page
    finally:
        await context.close()


@asynccontextmanager
async def newcomer(browser: Browser, page: Page, url: str) -> AsyncIterator[Page]:
    """Open a page with the login of another one, and an empty cache."""
    state = await page.context.storage_state()
    context = await browser.new_context(base_url=url, viewport=_SCREEN, storage_state=state)
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def heap_bytes(page: Page) -> float:
    """Return what the scripts of a page keep, when all garbage is collected."""
    session = await page.context.new_cdp_session(page)
    try:
        await session.send("HeapProfiler.collectGarbage")
        return float((await session.send("Runtime.getHeapUsage"))["usedSize"])
    finally:
        await session.detach()
