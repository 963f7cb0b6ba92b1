"""Traces opened from disk, in a real browser without a network."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

import relace_mock
from relace_mock.control.trace import document
from tests import browser as browsers
from tests.browser import PHONE, Watched, violations
from tests.conftest import KEY, QUICKLY, Serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

LONG = "long-name-" * 10_000
HOSTILE = {
    "end of script": "</script><script>window.harm=1</script>",
    "comment": "<!-- <script> --><!--",
    "separators": "before\u2028between\u2029after\x00\x7f\ufeff",
    "markup": "<img src=x onerror='window.harm=1'>&amp;",
    "long": LONG,
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from browsers.launched()


def opened(browser: Browser, file: Path, **context: Any) -> Watched:
    watched = Watched(browser, offline=True, **context)
    watched.page.goto(file.as_uri())
    return watched


def rows(page: Page) -> Locator:
    return page.locator(".row[role=option]")


def test_a_trace_of_serve_shows_hostile_data_as_text(
    browser: Browser, serve: Serve, tmp_path: Path
) -> None:
    from playwright.sync_api import expect  # noqa: PLC0415 - the tests skip where it is missing

    file = tmp_path / "trace.html"
    with serve("--trace", str(file)) as process:
        for text in HOSTILE.values():
            body = {"model": "relace-embed-v1", "input": [text]}
            httpx.post(f"{process.base_url}/code/embed", json=body, headers=KEY, timeout=60)
        lone = rb'{"model": "relace-embed-v1", "input": ["lone \ud800 surrogate", "\udc00"]}'
        fields = {**KEY, "Content-Type": "application/json"}
        httpx.post(f"{process.base_url}/code/embed", content=lone, headers=fields)
        rank = {
            "query": HOSTILE["markup"],
            "codebase": [{"filename": LONG, "content": HOSTILE["end of script"]}],
            "token_limit": 1_000_000,
        }
        url = process.base_url.removesuffix("/v1") + "/v2/code/rank"
        assert httpx.post(url, json=rank, headers=KEY).status_code == 200
        odd = {**KEY, "X-Odd": "<b>", "User-Agent": HOSTILE["markup"]}
        httpx.get(f"{process.base_url}/{HOSTILE['end of script']}", headers=odd)
        process.popen.send_signal(signal.SIGTERM)
        assert process.popen.wait(10) == 0
    watched = opened(browser, file)
    page = watched.page
    expect(page.get_by_role("banner")).to_contain_text("8 requests, written")
    expect(rows(page)).to_have_count(8)
    expect(rows(page).nth(1)).to_contain_text("rank: 1 file")
    detail = page.get_by_label("Request", exact=True)
    for at in range(8):
        rows(page).nth(at).click()
        expect(detail).to_contain_text("Why this answer")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(detail).to_contain_text("</script><script>window.harm=1</script>")
    page.get_by_label("Text", exact=True).fill("lone")
    expect(rows(page)).to_have_count(1)
    rows(page).click()
    expect(detail).to_contain_text("surrogate")
    assert page.evaluate("window.harm") is None
    assert page.locator("img, main script").count() == 0
    assert not violations(page)
    watched.close()


def test_a_trace_of_ten_thousand_requests_opens_and_is_searched(
    browser: Browser, tmp_path: Path
) -> None:
    from playwright.sync_api import expect  # noqa: PLC0415 - as above

    with (
        relace_mock.transport(dimensions=8) as transport,
        httpx.Client(transport=transport, base_url="http://mock", headers=KEY) as client,
    ):
        client.post("/v1/code/embed", json={"model": "m", "input": ["a" * 300]})
        (entry,) = client.get("/_mock/requests").json()["requests"]
    entries = (
        orjson.dumps(entry | {"number": number, "client": f"client {number} of all"})
        for number in range(1, 12_001)
    )
    file = tmp_path / "trace.html"
    file.write_bytes(document(entries, dropped=1))
    watched = opened(browser, file, viewport=PHONE)
    page = watched.page
    expect(page.get_by_role("banner")).to_contain_text("12,000 requests")
    expect(page.get_by_role("banner")).to_contain_text("2,001 earlier requests left out")
    expect(rows(page).first).to_have_attribute("aria-setsize", "10000")
    assert rows(page).count() < 60
    page.get_by_label("Text", exact=True).fill("client 7654 of")
    expect(rows(page)).to_have_count(1)
    rows(page).click()
    expect(page.get_by_label("Request", exact=True)).to_contain_text("#7654")
    watched.close()


def test_a_trace_of_a_failing_test_with_a_hostile_name_opens(
    browser: Browser, pytester: pytest.Pytester
) -> None:
    from playwright.sync_api import expect  # noqa: PLC0415 - as above

    pytester.makepyfile(
        f"""
        import httpx, pytest

        @pytest.mark.parametrize("text", [{HOSTILE["end of script"] + HOSTILE["markup"]!r}])
        def test_bad(relace_mock, text):
            httpx.post(f"{{relace_mock.base_url}}/code/embed", json={{"model": "m", "input": [text]}},
                       headers={{"Authorization": f"Bearer {{relace_mock.api_key}}"}})
            assert False
        """
    )
    pytester.runpytest_subprocess(*QUICKLY, "--relace-mock-trace", "made").assert_outcomes(failed=1)
    (file,) = (pytester.path / "made").iterdir()
    watched = opened(browser, file)
    page = watched.page
    expect(rows(page)).to_have_count(1)
    rows(page).click()
    expect(page.get_by_label("Request", exact=True)).to_contain_text("onerror")
    expect(page.get_by_role("banner")).to_contain_text("::test_bad[</script><script>")
    assert "::test_bad[</script><script>" in page.title()
    assert page.evaluate("window.harm") is None
    watched.close()
