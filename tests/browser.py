"""A real browser for the tests of the page: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import JAVASCRIPT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: Options that Chromium needs in a container, and options that stop its own requests to others.
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]
DESKTOP, PHONE = {"width": 1360, "height": 820}, {"width": 390, "height": 800}
#: Milliseconds to wait for what the page should show: a busy machine may be slow.
PATIENCE = 30_000
#: Folder for screenshots, for people to look at.
PICTURES = Path(os.environ.get("SCREENSHOTS", ".nox/screenshots"))
AXE = JAVASCRIPT / "node_modules/axe-core/axe.min.js"


def launched() -> Iterator[Browser]:
    """A browser, until the generator ends; skip the test if there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    playwright.expect.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


class Watched:
    """A page whose problems are noted: errors, refused code, requests to other machines."""

    def __init__(self, browser: Browser, **context: Any) -> None:
        context.setdefault("viewport", DESKTOP)
        self._context = browser.new_context(**context)
        self._context.grant_permissions(["clipboard-read", "clipboard-write"])
        self._context.set_default_timeout(PATIENCE)
        self.page: Page = self._context.new_page()
        self.problems: list[str] = []
        self.urls: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._note)
        self.page.on("request", lambda request: self.urls.append(request.url))

    def _note(self, message: Any) -> None:
        answered = "Failed to load resource" in message.text  # a refusal, which the page shows
        if message.type in ("error", "warning") and not answered:
            self.problems.append(message.text)

    def close(self) -> None:
        """Close the page, and fail if there was a problem."""
        self._context.close()
        assert not self.problems
        foreign = [
            url
            for url in self.urls
            if not url.startswith(("http://127.0.0.1:", "blob:http://127.0.0.1:", "file://"))
        ]
        assert not foreign


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page as it is now."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")


def violations(page: Page) -> list[str]:
    """The accessibility rules that the page breaks, and where."""
    if not AXE.exists():
        pytest.skip("needs axe-core: npm ci in tests/javascript")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {node['html'][:120]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
