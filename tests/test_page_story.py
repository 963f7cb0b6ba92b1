"""A stranger's first five minutes with the page: play, watch a retry, keep it, and read why."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests import browser as browsers
from tests.browser import DESKTOP, PHONE, Watched, picture
from tests.conftest import Process, Serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from browsers.launched()


def patient_client(base_url: str, text: str) -> list[int]:
    """Send a request as a good client does: wait as told, and try again."""
    body = {"model": "relace-embed-v1", "input": [text]}
    statuses: list[int] = []
    while len(statuses) < 5:
        answer = httpx.post(
            f"{base_url}/code/embed", json=body, headers={"Authorization": "Bearer rlc-anything"}
        )
        statuses.append(answer.status_code)
        if answer.is_success:
            break
        time.sleep(float(answer.headers.get("retry-after", 0)))
    return statuses


def newest(page: Page, of: int) -> None:
    """Open the newest request, once the page shows all that were made."""
    from playwright.sync_api import expect  # noqa: PLC0415 - the tests skip where it is missing

    rows = page.locator(".row[role=option]")
    expect(rows).to_have_count(of)
    rows.first.click()


RULES = """
name: no-passwords
rules:
  - when: {input_contains: password}
    steps: [{status: 400}]
"""


@pytest.mark.parametrize(
    ("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"]
)
def test_a_stranger_plays_watches_keeps_and_reads_why(
    browser: Browser, serve: Serve, tmp_path: Path, size: Any, scheme: str
) -> None:
    """Each step uses only what the page shows at that moment."""
    from playwright.sync_api import expect  # noqa: PLC0415 - the tests skip where it is missing

    with serve() as process:
        watched = Watched(browser, viewport=size, color_scheme=scheme, accept_downloads=True)
        page = watched.page
        page.goto(process.base_url.replace("/v1", "/_mock"))
        # The empty journal says what to send, and where to choose how the mock fails.
        first = page.get_by_label("A first request")
        expect(first).to_contain_text(f"curl -s {process.base_url}/code/embed")
        sent_by_hand(first.inner_text())
        expect(first).to_be_hidden()
        page.get_by_role("button", name="Clear").click()
        page.get_by_role("link", name="choose how the mock fails").click()
        # Play a scenario. The page says for which key, and what comes next.
        page.get_by_label("Find a scenario").fill("429")
        page.get_by_role("button", name="Play rate-limited-twice").click()
        told = page.get_by_text("rate-limited-twice is played for every key")
        expect(told).to_be_in_viewport()
        told.get_by_role("link").click()
        # Watch a client retry.
        assert patient_client(process.base_url, "def add(a, b): return a + b") == [429, 429, 200]
        newest(page, of=3)
        detail = page.get_by_label("Request", exact=True)
        expect(detail).to_contain_text("The scenario rate-limited-twice is the server's default.")
        # A busy machine adds to the second that each attempt waited as told.
        expect(detail.get_by_text(re.compile(r"after \d\.\d+ s, told 1\.00 s"))).to_have_count(2)
        # Keep it as a file that the command line accepts and plays.
        page.get_by_role("button", name="Make this a scenario").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Save the file").click()
        file = tmp_path / download.value.suggested_filename
        download.value.save_as(file)
        expect(page.get_by_role("dialog")).to_contain_text(f"serve --scenario {file.name}")
        checked(file)
        plays_the_same(serve, file)
        # Play it again from the editor, for the key that it came from.
        page.get_by_role("button", name="Open in the editor").click()
        page.get_by_role("button", name="Install").click()
        expect(page.get_by_text("is played for the key")).to_be_in_viewport()
        assert patient_client(process.base_url, "another text") == [429, 429, 200]
        # Read why a rule did not answer.
        page.get_by_label("Scenario as YAML").fill(RULES)
        expect(page.locator(".said")).to_contain_text("valid")
        page.get_by_role("button", name="Install").click()
        page.get_by_text("no-passwords is played").get_by_role("link").click()
        assert patient_client(process.base_url, "hello") == [200]
        expect(detail).to_be_hidden()
        newest(page, of=7)
        expect(detail).to_contain_text("no input contains 'password' — it saw hello")
        picture(page, f"story-{scheme}-{size['width']}")
        watched.close()


def sent_by_hand(command: str) -> None:
    done = subprocess.run(  # noqa: S602 - the command that the page shows is what is tested
        command, shell=True, check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith('{"results":')


def checked(file: Path) -> None:
    command = [sys.executable, "-m", "relace_mock", "scenario", "check", str(file)]
    subprocess.run(command, check=True, capture_output=True)


def plays_the_same(serve: Serve, file: Path) -> None:
    other: Process
    with serve("--scenario", str(file)) as other:
        assert patient_client(other.base_url, "x") == [429, 429, 200]
