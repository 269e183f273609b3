"""The pictures of docs/user-guide.md: taken while a test walks through it."""

import io
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from playwright.async_api import Page, expect

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "user-guide.md"
PICTURES = ROOT / "docs" / "images" / "guide"
LARGEST = 80_000
"""Of a picture [bytes]: a page with thirty of them is read over a slow line too."""


DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""What is drawn over an image follows it by a frame."""


def named_pictures() -> set[str]:
    """Return the names of the pictures that the guide shows."""
    return set(re.findall(r"\]\(images/guide/([\w-]+)\.webp\)", GUIDE.read_text("utf-8")))


def kept_pictures() -> set[str]:
    """Return the names of the pictures in the repository."""
    return {path.name.removesuffix(".webp") for path in PICTURES.iterdir()}


@dataclass
class Book:
    """Takes the pictures of a page.

    Args:
        page: What is seen.
        folder: Where they go, if nobody asks for them anew.
    """

    page: Page
    folder: Path
    taken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """`SCANHUB_GUIDE=1` writes the pictures of the repository."""
        if os.environ.get("SCANHUB_GUIDE"):
            self.folder = PICTURES
            for path in PICTURES.glob("*.webp"):
                path.unlink()

    async def picture(self, name: str) -> None:
        """Show what the page shows now; what still loads is waited for."""
        assert name not in self.taken
        await expect(self.page.locator("[aria-label^=Loading]")).to_have_count(0)
        await self.page.evaluate("document.fonts.ready")
        await self.page.evaluate(DRAWN)
        shown = await self.page.screenshot(animations="disabled", caret="hide")
        file = io.BytesIO()
        Image.open(io.BytesIO(shown)).convert("RGB").save(file, "WEBP", quality=72, method=6)
        assert len(file.getvalue()) < LARGEST, (name, len(file.getvalue()))
        (self.folder / f"{name}.webp").write_bytes(file.getvalue())
        self.taken.append(name)
