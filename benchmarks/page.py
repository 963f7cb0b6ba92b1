"""Measure how fluid the page at ``/_mock/`` stays in Chromium while requests pour in.

    python benchmarks/page.py [--entries 10000] [--rate 500] [--seconds 10]

The journal is filled before the page opens. Then clients send requests at the given rate while the
page shows one of its views; every tenth request gets a 500 and is retried. A frame should come
every 17 ms; a *long task* keeps the page from answering the mouse for 50 ms or more.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

import servers
from playwright.sync_api import Browser, Page, sync_playwright

_CONNECTIONS = 8
_SCENARIO = b'{"rules": [{"when": {}, "chance": 0.1, "steps": [{"status": 500}]}]}'
_ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"]
_WATCH = """() => {
    window.gaps = [];
    window.tasks = [];
    let last = performance.now();
    const frame = (now) => { window.gaps.push(now - last); last = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
    new PerformanceObserver((list) => {
        for (const task of list.getEntries()) window.tasks.push(task.duration);
    }).observe({type: "longtask"});
}"""


@dataclass(frozen=True)
class Scene:
    """A view that the page shows during a measurement."""

    name: str
    button: str = ""
    text: str = ""
    opened: bool = False


SCENES = [
    Scene("list"),
    Scene("list, a request open", opened=True),
    Scene("list, filtered by a text", text="number 1"),
    Scene("attempts", button="Attempts"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--send", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.send:
        send(arguments.send, arguments.first, arguments.rate, arguments.seconds)
        return
    print(servers.machine())
    head = ("requests/s", "frames/s", "frame p99", "longest", "> 50 ms", "> 100 ms", "heap")
    print(f"{'':26}" + "".join(f"{name:>12}" for name in head))
    with sync_playwright() as driver:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = driver.chromium.launch(executable_path=path, args=_ARGUMENTS)
        for scene in SCENES:
            with servers.started(servers.mock(), pinned=False) as (port, _):
                print(row(browser, port, scene, arguments), flush=True)
        browser.close()


def row(browser: Browser, port: int, scene: Scene, arguments: argparse.Namespace) -> str:
    """Measure one scene, on its own server, and return its row of the table."""
    ask(port, "PUT", "/_mock/scenario", _SCENARIO)
    flood(port, 0, 5_000, 0, arguments.entries)
    page = browser.new_page(viewport={"width": 1360, "height": 820})
    page.goto(f"http://127.0.0.1:{port}/_mock/")
    page.get_by_text("Live", exact=True).wait_for()
    show(page, scene)
    page.evaluate(_WATCH)
    started = time.monotonic()
    command = [sys.executable, __file__, "--send", str(port), "--first", str(arguments.entries)]
    command += ["--rate", str(arguments.rate), "--seconds", str(arguments.seconds)]
    sent = int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    took = time.monotonic() - started
    gaps, tasks = page.evaluate("[window.gaps, window.tasks]")
    heap = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    wait_for_newest(page, port, scene)
    page.close()
    long = [each for each in tasks if each > 100]
    figures = (
        f"{sent / arguments.seconds:,.0f}",
        f"{len(gaps) / took:.0f}",
        f"{statistics.quantiles(gaps, n=100)[98]:.0f} ms",
        f"{max(gaps):.0f} ms",
        f"{len(tasks)}",
        f"{len(long)}",
        f"{heap:.0f} MB",
    )
    return f"{scene.name:26}" + "".join(f"{figure:>12}" for figure in figures)


def show(page: Page, scene: Scene) -> None:
    if scene.button:
        page.get_by_role("button", name=scene.button).click()
    if scene.text:
        page.get_by_label("Text", exact=True).fill(scene.text)
    if scene.opened:
        page.locator(".row[role=option]").nth(3).click()


def wait_for_newest(page: Page, port: int, scene: Scene) -> None:
    """Wait until the page shows the newest request; fail if it does not."""
    if scene.text or scene.button:
        return
    answer: Any = json.loads(ask(port, "GET", "/_mock/requests?limit=1"))
    newest = answer["requests"][0]["number"]
    page.locator(f"#entry-{newest}").wait_for(timeout=10_000)


def ask(port: int, method: str, path: str, body: bytes = b"") -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request(method, path, body)
    content = connection.getresponse().read()
    connection.close()
    return content


def send(port: int, first: int, rate: int, seconds: int) -> None:
    """Send requests at a rate, and print how many were sent. Runs in a separate process."""
    print(flood(port, first, rate, seconds))


def flood(port: int, first: int, rate: int, seconds: int, most: int = 0) -> int:
    """Send requests at a rate over some connections, for some seconds or up to ``most``."""
    each = rate / _CONNECTIONS
    sent = [0] * _CONNECTIONS
    end = time.monotonic() + seconds

    def work(place: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        due = time.monotonic() + place / rate
        retry = None
        while sent[place] < most // _CONNECTIONS if most else time.monotonic() < end:
            time.sleep(max(due - time.monotonic(), 0))
            due += 1 / each
            number = first + sent[place] * _CONNECTIONS + place
            text = f"def number_{number}(): # number {number}"
            asked = {"model": "relace-embed-v1", "input": [text], "output_dtype": "binary"}
            body = retry or json.dumps(asked)
            connection.request("POST", "/v1/code/embed", body, servers.HEADERS)
            response = connection.getresponse()
            response.read()
            sent[place] += 1
            retry = body if response.status != 200 else None

    threads = [threading.Thread(target=work, args=(place,)) for place in range(_CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(sent)


if __name__ == "__main__":
    main()
