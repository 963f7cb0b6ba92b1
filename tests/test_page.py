"""The page at ``/_mock/`` in a real browser: every view clicked through."""

from __future__ import annotations

import functools
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

import relace_mock
from relace_mock import RunningServer
from relace_mock.control import events
from relace_mock.journal.feed import Feed
from relace_mock.keys import namespace_of
from relace_mock.scenario.model import read
from tests import browser as browsers
from tests.browser import DESKTOP, PHONE, Watched, picture, violations
from tests.steering import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

SCRIPT = "<img src=x onerror='window.harm=1'><script>window.harm=1</script>"
VIEWS = ("Live journal", "Scenarios", "Vectors", "Verdict")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from browsers.launched()


@pytest.fixture(scope="module")
def running() -> Iterator[RunningServer]:
    with relace_mock.running() as server:
        yield server


@pytest.fixture
def watched(browser: Browser, running: RunningServer) -> Iterator[Watched]:
    as_new(running)
    watched = Watched(browser)
    yield watched
    watched.close()


@pytest.fixture
def page(watched: Watched, running: RunningServer) -> Page:
    opened(watched.page, running)
    return watched.page


def as_new(server: RunningServer) -> None:
    httpx.post(f"{server.url}/_mock/reset", json={"all": True})
    httpx.delete(f"{server.url}/_mock/scenario")
    for key in ("rlc-page", "rlc-other"):
        server.control(key).forget()


def opened(page: Page, server: RunningServer) -> None:
    page.goto(f"{server.url}/_mock/")
    page.get_by_text("Live", exact=True).wait_for()


def embed(
    server: RunningServer,
    *texts: str,
    key: str = "rlc-page",
    timeout: float = 20,
    headers: dict[str, str] | None = None,
) -> httpx.Response | httpx.HTTPError:
    body = {"model": "relace-embed-v1", "input": list(texts or ("def add(a, b): return a + b",))}
    try:
        return httpx.post(
            f"{server.base_url}/code/embed",
            json=body,
            headers={"Authorization": f"Bearer {key}", **(headers or {})},
            timeout=timeout,
        )
    except httpx.HTTPError as error:
        return error


def rows(page: Page) -> Locator:
    return page.get_by_role("option").filter(has=page.locator(".number"))


def row(page: Page, text: str) -> Locator:
    return rows(page).filter(has_text=text)


def count(locator: Locator, number: int) -> None:
    from playwright.sync_api import expect  # noqa: PLC0415 - the tests skip where it is missing

    expect(locator).to_have_count(number)


def shows(locator: Locator, text: str) -> None:
    from playwright.sync_api import expect  # noqa: PLC0415 - as above

    expect(locator).to_contain_text(text)


def says(locator: Locator, text: str) -> None:
    from playwright.sync_api import expect  # noqa: PLC0415 - as above

    expect(locator).to_have_text(text)


def view(page: Page, name: str) -> None:
    page.get_by_role("link", name=name).click()


def test_an_exchange_appears_as_it_happens(page: Page, running: RunningServer) -> None:
    shows(page.get_by_role("main"), "No request yet")
    running.control("rlc-page").play({"steps": [{"fault": "hang"}]})
    with ThreadPoolExecutor() as threads:
        client = threads.submit(embed, running, timeout=4)
        shows(row(page, "hang"), "…")
        assert isinstance(client.result(), httpx.ReadTimeout)
    embed(running, "one", "two")
    shows(row(page, "200"), "2 inputs, ")


def test_filters_show_only_the_requests_that_match(page: Page, running: RunningServer) -> None:
    running.control("rlc-other").play("server-error")
    embed(running, "needle in the text")
    embed(running, "something else")
    embed(running, "for the other key", key="rlc-other")
    count(rows(page), 3)
    page.get_by_label("Key", exact=True).select_option(namespace_of("rlc-other"))
    count(rows(page), 1)
    page.get_by_label("Key", exact=True).select_option("")
    page.get_by_label("Status").select_option("200")
    count(rows(page), 2)
    page.get_by_label("Status").select_option("")
    page.get_by_label("Scenario", exact=True).select_option("server-error")
    count(rows(page), 1)
    page.get_by_label("Scenario", exact=True).select_option("")
    page.get_by_label("Text", exact=True).fill("NEEDLE")
    count(rows(page), 1)
    page.get_by_label("Text", exact=True).fill("nobody sent this")
    page.get_by_text("No request passes these filters.").wait_for()


def test_a_click_shows_request_answer_reason_and_time(page: Page, running: RunningServer) -> None:
    running.control("rlc-page").play("rate-limited-twice")
    embed(running)
    row(page, "429").click()
    detail = page.get_by_label("Request", exact=True)
    shows(detail, "The scenario rate-limited-twice is installed for this key.")
    shows(detail, "Rule 0 matched, and its step 0 answered: the status 429, Retry-After: 1.")
    shows(detail, '"relace-embed-v1"')
    shows(detail, "HTTP 429")
    shows(detail, "Rate limit")
    shows(detail, "Took")
    detail.get_by_text("header fields").first.click()
    shows(detail, "authorization")
    assert "rlc-page" not in page.content()
    picture(page, "journal")


def test_near_misses_say_which_condition_failed_and_what_it_saw(
    page: Page, running: RunningServer
) -> None:
    running.control("rlc-page").play(
        {
            "rules": [
                {"when": {"input_contains": "password"}, "steps": [{"status": 400}]},
                {"when": {"attempt": [2, 3]}, "steps": [{"status": 500}]},
                {"when": {"min_inputs": 5}, "steps": [{"status": 500}]},
                {"when": {"model": "other"}, "steps": [{"status": 500}]},
            ]
        }
    )
    embed(running, "hello")
    row(page, "200").click()
    why = page.get_by_label("Request", exact=True)
    shows(why, "No rule matched, so service was normal")
    shows(why, "no input contains 'password' — it saw hello")
    shows(why, "attempt: is none of 2, 3 — it saw 1")
    shows(why, "min_inputs: 5, and the request has another number — it saw 1")
    shows(why, "model: is not 'other' — it saw relace-embed-v1")


def test_violations_are_shown(page: Page, running: RunningServer) -> None:
    httpx.post(
        f"{running.base_url}/code/embed", content=b"{", headers={"Authorization": "Bearer k"}
    )
    rows(page).first.click()
    shows(page.get_by_label("Request", exact=True), "Violations of the contract")


def test_a_timeline_shows_gaps_against_what_was_told(page: Page, running: RunningServer) -> None:
    running.control("rlc-page").play("rate-limited-twice")
    for _ in range(2):
        embed(running)
    running.control("rlc-page").advance(5)
    embed(running)
    count(row(page, "told 1.00 s: too early"), 1)
    page.get_by_role("button", name="Attempts").click()
    card = page.get_by_role("article")
    shows(card, "3 attempts")
    count(card.locator(".told"), 2)
    count(card.locator(".gap.early"), 1)
    picture(page, "attempts")
    card.get_by_role("button").nth(1).click()
    shows(page.get_by_label("Request", exact=True), "told to wait 1.00 s")


@pytest.mark.parametrize(
    "content",
    [
        b'{"model": "relace-embed-v1", "input": ["it\'s $HOME `id` \\\\ \xc3\xa9"]}',
        b'{"model": "relace-embed-v1", "input": ["a"]}\n\n',
        b"@/etc/hostname",
        b"\xff\xfe\x00binary",
        b"",
    ],
    ids=["quotes", "line breaks", "at sign", "bytes", "empty"],
)
def test_the_copied_curl_command_sends_the_same_request(
    page: Page, running: RunningServer, content: bytes
) -> None:
    fields = {"Authorization": "Bearer rlc-page", "Content-Type": "application/json"}
    httpx.post(f"{running.base_url}/code/embed", content=content, headers=fields)
    rows(page).first.click()
    # Watch the button within the page: it says "Copied" only for a moment.
    assert page.get_by_role("button", name="Copy as curl").evaluate(
        """button => new Promise((done) => {
            const seen = () => button.isConnected && button.textContent === "Copied" && done(true);
            new MutationObserver(seen).observe(button, {childList: true, subtree: true});
            setTimeout(() => done(false), 10_000);
            button.click();
        })"""
    )
    command = page.evaluate("navigator.clipboard.readText()")
    assert "rlc-page" not in command
    subprocess.run(  # noqa: S602 - the command is what is tested
        command,
        shell=True,
        check=True,
        capture_output=True,
        env=os.environ | {"RELACE_API_KEY": "rlc-page"},
    )
    first, second = httpx.get(f"{running.url}/_mock/requests").json()["requests"]
    for part in ("method", "path", "length", "xxh3_128"):
        assert first["request"][part] == second["request"][part], part
    assert first["namespace"] == second["namespace"]
    assert first["status"] == second["status"]


def test_the_button_that_says_copied_stays_when_the_request_ends(
    page: Page, running: RunningServer
) -> None:
    running.control("rlc-page").play({"steps": [{"fault": "hang"}]})
    url = urlsplit(running.url)
    with socket.create_connection((url.hostname, url.port)) as client:
        client.sendall(
            b"POST /v1/code/embed HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer rlc-page\r\n"
            b"Content-Type: application/json\r\nContent-Length: 27\r\n\r\n"
            b'{"model":"m","input":["a"]}'
        )
        rows(page).first.click()
        button = page.get_by_role("button", name="Copy as curl").element_handle()
        timing = page.get_by_label("Request", exact=True)
        before = timing.inner_text()
    until(lambda: timing.inner_text() != before, "the end of the request on the page")
    assert button is not None and button.evaluate("button => button.isConnected")


STORIES: dict[str, list[dict[str, Any]]] = {
    "429s": [{"status": 429, "headers": {"Retry-After": "1"}, "times": 2}],
    "a date": [{"status": 503, "retry_after": {"date": "30s"}}],
    "bodies": [
        {"status": 500, "body": {"error": "it's \u2028 \x7f # : - é 😀"}},
        {"status": 502, "body_text": "<html>\n- a: b\n</html>"},
        {"status": 400, "body_base64": "//4AYWI="},
        {"status": 200, "body": [1, None]},
        {"status": 204},
    ],
    "headers": [{"status": 418, "headers": {"X-Mine": "a: b", "Content-Type": "text/x"}}],
    "faults": [
        {"fault": "reset", "times": 2},
        {"fault": "truncate", "at": 0.25},
        {"fault": "empty"},
        {"fault": "garbage"},
        {"fault": "reset_mid_body", "at": 0.75},
    ],
    "lies": [{"mutate": ["wrong_dimension"]}, {"mutate": ["omit_usage", "shuffle_results"]}],
    "slow": [{"delay": "20ms"}, {"status": 500, "delay": "30ms"}],
    "normal": [{"normal": True, "headers": {"X-Mine": "1"}}, {"status": 500}],
}


@pytest.mark.parametrize("story", STORIES)
def test_a_scenario_made_from_a_request_is_valid_and_repeats_it(
    page: Page, running: RunningServer, story: str
) -> None:
    control = running.control("rlc-page")
    control.play({"steps": STORIES[story]})
    times = sum(step.get("times", 1) for step in STORIES[story])
    told = [answer_of(embed(running, "a", "b")) for _ in range(times)]
    count(rows(page), times)
    texts = []
    for at in range(times):  # a 200 ends a conversation, so there may be several
        rows(page).nth(at).click()
        page.get_by_role("button", name="Make this a scenario").click()
        texts.append(page.locator("dialog pre").inner_text())
        page.get_by_role("button", name="Close", exact=True).click()
    made = [read(text.encode(), "made.yaml", "x").source["steps"] for text in dict.fromkeys(texts)]
    made.reverse()
    control.play({"steps": [step for steps in made for step in steps]})
    again = [answer_of(embed(running, "a", "b")) for _ in range(times)]
    assert again == told


def answer_of(answer: httpx.Response | httpx.HTTPError) -> Any:
    if isinstance(answer, httpx.HTTPError):
        return type(answer).__name__
    ours = ("retry-after", "x-mine", "content-type")
    fields = {name: value for name, value in answer.headers.items() if name in ours}
    if "GMT" in fields.get("retry-after", ""):
        fields["retry-after"] = "a date"
    return answer.status_code, fields, answer.content


def test_what_no_scenario_can_answer_says_why(page: Page, running: RunningServer) -> None:
    httpx.get(f"{running.url}/nothing")
    rows(page).first.click()
    detail = page.get_by_label("Request", exact=True)
    assert detail.get_by_role("button", name="Make this a scenario").is_disabled()
    shows(detail, "refused before scenarios are asked")


def test_a_text_that_is_script_is_shown_as_text(page: Page, running: RunningServer) -> None:
    control = running.control("rlc-page")
    control.play(
        {
            "steps": [
                {"status": 500, "body_text": SCRIPT, "headers": {"X-A": SCRIPT}},
                {"status": 200, "body": {"error": SCRIPT}},
            ]
        }
    )
    embed(running, SCRIPT, headers={"User-Agent": SCRIPT, "X-Mock-Scenario": "ok"})
    embed(running, SCRIPT)
    httpx.get(f"{running.url}/{SCRIPT}")
    count(rows(page), 3)
    for at in range(3):
        rows(page).nth(at).click()
        shows(page.get_by_label("Request", exact=True), "onerror")
    for name in VIEWS[1:]:
        view(page, name)
    page.get_by_role("heading", name="no key").wait_for()
    view(page, "Vectors")
    page.get_by_role("textbox", name="Text A").fill(SCRIPT)
    shows(page.get_by_role("main"), "1.000")
    assert page.evaluate("window.harm") is None
    assert page.locator("img, main script").count() == 0


def test_scenarios_are_played_and_followed_from_the_page(
    page: Page, running: RunningServer
) -> None:
    embed(running)
    view(page, "Scenarios")
    page.get_by_label("Find a scenario").fill("twice")
    page.get_by_label("For").select_option(namespace_of("rlc-page"))
    page.get_by_role("button", name="Play rate-limited-twice").click()
    table = page.get_by_role("table")
    shows(table, "rate-limited-twice")
    shows(table, "next: step 0, 0 of 2 given")
    embed(running, "other")
    shows(table, "next: step 0, 1 of 2 given")
    page.get_by_role("button", name="Reset").click()
    shows(table, "0 of 2 given")
    page.get_by_role("button", name="Move the clock").click()
    shows(table, "+60 s")
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Removed").wait_for()
    assert running.control("rlc-page").position()["name"] is None
    page.get_by_role("button", name="Open rate-limited-twice").click()
    shows(page.get_by_role("status").last, "2 times: answers 429")
    picture(page, "scenarios")


def test_a_scenario_is_edited_with_its_mistakes_at_their_lines(
    page: Page, running: RunningServer
) -> None:
    view(page, "Scenarios")
    editor = page.get_by_label("Scenario as YAML")
    editor.fill("name: mine\nsteps:\n  - statsu: 429\n  - fault: resett\n")
    said = page.locator(".said")
    shows(said, "is not a key here; did you mean status?")
    shows(said, "did you mean reset?")
    assert page.locator(".gutter .wrong").all_inner_texts() == ["✗3", "✗4"]
    said.get_by_role("button", name="line 4").click()
    assert editor.evaluate("area => area.selectionStart") > len(
        "name: mine\nsteps:\n  - statsu: 429\n"
    )
    page.get_by_role("button", name="Install").click()
    shows(said, "scenario:3:5: steps[0].statsu")
    assert running.control("rlc-page").position()["name"] is None
    editor.fill("name: mine\nsteps:\n  - status: 503\n")
    shows(said, "valid")
    page.get_by_label("For").select_option("typed")
    page.get_by_label("API key").fill("rlc-typed-key")
    page.get_by_role("button", name="Install").click()
    page.get_by_role("button", name="Installed").wait_for()
    assert running.control("rlc-typed-key").position()["name"] == "mine"
    assert "rlc-typed-key" not in page.content()


def test_a_conversation_becomes_a_scenario_in_the_editor(
    page: Page, running: RunningServer
) -> None:
    running.control("rlc-page").play("server-error-once")
    embed(running)
    row(page, "500").click()
    page.get_by_role("button", name="Make this a scenario").click()
    page.get_by_role("button", name="Open in the editor").click()
    shows(page.locator(".said"), "valid")
    page.get_by_role("button", name="Install").click()
    shows(page.get_by_role("table"), "from-request-")


def test_vectors_of_typed_texts_are_compared(page: Page, running: RunningServer) -> None:
    embed(running, "def add(x, y): return x + y", "SELECT 1")
    view(page, "Vectors")
    page.get_by_role("textbox", name="Text A").fill("def add(x, y): return x + y")
    shows(page.get_by_role("main"), "1.000")  # the same text that a client has sent
    page.get_by_role("table").first.get_by_role("cell").nth(8).wait_for()
    count(page.locator("canvas"), 3)
    count(page.locator("circle.other"), 2)
    picture(page, "vectors")
    page.get_by_role("button", name="Add a text").click()
    page.get_by_role("textbox", name="Text D").fill("one more")
    count(page.locator("circle.mine"), 4)
    page.get_by_role("button", name="Remove text D").click()
    count(page.locator("circle.mine"), 3)
    assert httpx.get(f"{running.url}/_mock/requests").json()["requests"][-1]["tokens"] is not None
    page.get_by_label("The nearest texts").get_by_role("button").first.click()
    shows(page.get_by_label("Request", exact=True), "SELECT 1")


def test_the_verdict_of_a_key_leads_to_its_requests(page: Page, running: RunningServer) -> None:
    running.control("rlc-page").play("unauthorized")
    embed(running)
    embed(running)
    embed(running, key="rlc-good")
    view(page, "Verdict")
    card = page.get_by_role("article").first
    shows(card, "not ok")
    shows(card, "a request that got 401 was sent again unchanged")
    picture(page, "verdict")
    card.get_by_role("button").last.click()
    shows(page.get_by_label("Request", exact=True), "HTTP 401")


def test_pause_and_clear(page: Page, running: RunningServer) -> None:
    embed(running)
    count(rows(page), 1)
    page.get_by_role("button", name="Pause").click()
    embed(running)
    page.get_by_role("button", name="Continue").click()
    count(rows(page), 2)
    page.get_by_role("button", name="Clear").click()
    count(rows(page), 0)
    page.get_by_text("No request yet").wait_for()
    assert httpx.get(f"{running.url}/_mock/requests").json()["requests"] == []


def test_everything_can_be_done_with_the_keyboard(page: Page, running: RunningServer) -> None:
    running.control("rlc-page").play("rate-limited-twice")
    for _ in range(3):
        embed(running)
    count(rows(page), 3)
    keys = page.keyboard
    keys.press("/")
    keys.type("429")
    keys.press("Escape")
    focus_on(page, "Requests, the newest first")
    keys.press("ArrowDown")
    keys.press("End")
    keys.press("Enter")
    detail = page.get_by_label("Request", exact=True)
    shows(detail, "Attempts")
    assert page.evaluate("document.activeElement.tagName") == "H2"
    keys.press("Escape")
    assert detail.is_hidden()
    assert page.evaluate("document.activeElement.getAttribute('role')") == "listbox"
    keys.press("Enter")
    focus_on(page, "Make this a scenario")
    keys.press("Enter")
    focus_on(page, "Open in the editor")
    keys.press("Enter")
    focus_on(page, "Install")
    keys.press("Enter")
    shows(page.get_by_role("table"), "from-request-")


def focus_on(page: Page, name: str) -> None:
    """Press Tab until the element of this name has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        has = "(document.activeElement.ariaLabel ?? document.activeElement.textContent)"
        if page.evaluate(f"{has} === {json.dumps(name)}"):
            return
    raise AssertionError(f"the Tab key never came to {name}")


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize(
    ("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"]
)
def test_each_view_is_accessible_and_fits(
    browser: Browser, running: RunningServer, name: str, size: Any, scheme: str
) -> None:
    as_new(running)
    running.control("rlc-page").play("rate-limited-twice")
    for _ in range(2):
        embed(running)
    httpx.get(f"{running.url}/{'long' * 60}")
    watched = Watched(browser, viewport=size, color_scheme=scheme)
    page = watched.page
    opened(page, running)
    if name == "Live journal":
        row(page, "429").first.click()
        page.get_by_text("Why this answer").wait_for()
    else:
        view(page, name)
        page.get_by_text(
            {"Scenarios": "flaky", "Vectors": "Strips", "Verdict": "not ok"}[name]
        ).first.wait_for()
    assert not violations(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture(page, f"{name.rsplit(maxsplit=1)[-1].lower()}-{scheme}-{size['width']}")
    watched.close()


def test_ten_thousand_entries_are_a_handful_of_elements(browser: Browser) -> None:
    with relace_mock.running(dimensions=8) as server:
        embed(server)
        watched = Watched(browser)
        page = watched.page
        opened(page, server)
        # Put the other entries into the page directly, as if they had arrived.
        page.evaluate(
            """async () => {
                const {Journal} = await import("./page/journal.js");
                const {JournalView} = await import("./page/journal_view.js");
                const answer = await (await fetch("requests?limit=1")).json();
                const journal = new Journal();
                for (let number = 1; number <= 12000; number += 1) {
                    journal.put({...answer.requests[0], number});
                }
                const view = new JournalView(journal, {origin: "", hint: ""});
                document.querySelector("main").replaceWith(view.element);
                window.kept = journal.size;
                window.oldest = [...journal][0].number;
            }"""
        )
        assert 10_000 <= page.evaluate("window.kept") <= 10_500
        page.get_by_text("12000", exact=True).wait_for()
        assert rows(page).count() < 60
        page.get_by_role("listbox").focus()
        page.keyboard.press("End")
        page.get_by_text(str(page.evaluate("window.oldest")), exact=True).wait_for()
        assert rows(page).count() < 60
        watched.close()


def test_a_reader_that_falls_behind_is_told_and_comes_back(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "Feed", functools.partial(Feed, waiting=5))
    with relace_mock.running(dimensions=8) as server:
        watched = Watched(browser)
        opened(watched.page, server)
        watched.page.evaluate(
            """() => {
                window.said = [];
                new MutationObserver(() => window.said.push(document.querySelector(".state").textContent))
                    .observe(document.querySelector(".state"), {childList: true});
            }"""
        )
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda at: embed(server, f"text {at}"), range(60)))
        count(watched.page.locator("[aria-setsize='60']").first, 1)
        assert any("Fell behind" in said for said in watched.page.evaluate("window.said"))
        watched.close()


def test_the_page_comes_back_when_the_server_does(browser: Browser) -> None:
    with relace_mock.running(dimensions=8) as server:
        watched = Watched(browser)
        opened(watched.page, server)
        embed(server, "before")
        count(rows(watched.page), 1)
        port = int(server.url.rpartition(":")[2])
    watched.page.get_by_text("Not connected").wait_for()
    with relace_mock.running(dimensions=8, port=port) as server:
        embed(server, "one")
        embed(server, "two")
        count(rows(watched.page), 2)
        watched.page.get_by_text("Live", exact=True).wait_for()
        watched.close()


def test_the_token_is_typed_once_and_never_in_a_url(browser: Browser) -> None:
    with relace_mock.running(dimensions=8, control_token="s3cret-token") as server:  # noqa: S106 - made up
        watched = Watched(browser)
        page = watched.page
        page.goto(f"{server.url}/_mock/")
        for token in ("wrong", "s3cret-token"):
            page.get_by_label("Control token").last.fill(token)
            page.keyboard.press("Enter")
        page.get_by_text("Live", exact=True).wait_for()
        page.reload()
        page.get_by_text("Live", exact=True).wait_for()
        view(page, "Scenarios")
        page.get_by_text("flaky").first.wait_for()
        assert not [url for url in watched.urls if "s3cret" in url]
        watched.close()


def test_a_wrong_token_is_told_and_a_closed_dialog_can_be_opened_again(browser: Browser) -> None:
    with relace_mock.running(dimensions=8, control_token="s3cret-token") as server:  # noqa: S106 - made up
        watched = Watched(browser)
        page = watched.page
        page.goto(f"{server.url}/_mock/")
        page.get_by_label("Control token").last.wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Type the token").click()
        page.get_by_label("Control token").last.fill("wrong")
        page.keyboard.press("Enter")
        page.get_by_text("The mock refused that token").wait_for()
        page.get_by_label("Control token").last.fill("s3cret-token")
        page.keyboard.press("Enter")
        page.get_by_text("Live", exact=True).wait_for()
        watched.close()


def test_a_button_says_why_it_failed(browser: Browser) -> None:
    with relace_mock.running(dimensions=8) as server:
        watched = Watched(browser)
        opened(watched.page, server)
    watched.page.get_by_role("button", name="Save trace").click()
    watched.page.get_by_role("button", name="Failed: the mock does not answer").wait_for()
    watched.close()


def test_requests_to_rank_are_counted_as_files_and_no_odd_path(
    page: Page, running: RunningServer
) -> None:
    codebase = [{"filename": "a.py", "content": "def add(a, b): return a + b"}]
    body = {"query": "add", "codebase": codebase, "token_limit": 100}
    for path in ("/v2/code/rank", "/v1/code/rank"):
        httpx.post(f"{running.url}{path}", json=body, headers={"Authorization": "Bearer rlc-page"})
    shows(rows(page).nth(1), "rank: 1 file, ")
    shows(rows(page).nth(0), "rank, names only: 1 file, ")
    httpx.get(f"{running.url}/v2/code/rank")
    shows(rows(page).nth(0), "GET /v2/code/rank")


def test_rank_stands_beside_the_cosine(page: Page, running: RunningServer) -> None:
    embed(running, "def add(x, y): return x + y")
    view(page, "Vectors")
    page.get_by_role("textbox", name="Text A").fill("def add(x, y): return x + y")
    table = page.get_by_label("The nearest texts").get_by_role("table")
    for place, name in ((2, "cosine"), (3, "rank")):
        says(table.get_by_role("columnheader").nth(place), name)
    shows(table.get_by_role("row").nth(1).get_by_role("cell").nth(2), "1.000")


def test_a_saved_trace_opens_without_a_server(
    browser: Browser, page: Page, running: RunningServer, tmp_path: Path
) -> None:
    running.control("rlc-page").play("rate-limited-twice")
    for _ in range(2):
        embed(running, SCRIPT + "</script>")
    count(rows(page), 2)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save trace").click()
    file = tmp_path / "trace.html"
    download.value.save_as(file)
    assert "rlc-page" not in file.read_text()
    watched = Watched(browser)
    watched.page.goto(file.as_uri())
    shows(watched.page.get_by_role("banner"), "2 requests")
    row(watched.page, "too early").click()
    detail = watched.page.get_by_label("Request", exact=True)
    shows(detail, "too early")
    shows(detail, "onerror")
    assert watched.page.evaluate("window.harm") is None
    assert not violations(watched.page)
    picture(watched.page, "trace")
    watched.close()


def test_the_files_of_the_page_have_a_strict_policy_and_no_absolute_url(
    running: RunningServer,
) -> None:
    folder = Path(relace_mock.__file__).parent / "control/page"
    for path in folder.iterdir():
        url = f"{running.url}/_mock/" + ("" if path.name == "index.html" else f"page/{path.name}")
        answer = httpx.get(url, headers={"Origin": "https://else.example"})
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        text = answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text.replace("http://127.0.0.1:8080", ""), path
        assert "innerHTML" not in text, path
    for odd in ("page/", "page/../api.py", "page/nothing.js", "page/..%2Fapi.py", "index.html"):
        assert httpx.get(f"{running.url}/_mock/{odd}").status_code == 404
