"""``relace-mock requests`` and ``relace-mock health``: a running mock in the terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

import relace_mock
from relace_mock import RunningServer, ServerError
from relace_mock.control.following import Follower, journal_of
from tests.conftest import Serve

BODY = {"model": "m", "input": ["a", "b"]}
TOKEN = "t0ken"
COMMAND = [sys.executable, "-m", "relace_mock"]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | variables,
        check=False,
    )


def ask(server: RunningServer, key: str, body: object = BODY) -> httpx.Response:
    return httpx.post(
        f"{server.base_url}/code/embed", json=body, headers={"Authorization": f"Bearer {key}"}
    )


@pytest.fixture
def running() -> Iterator[RunningServer]:
    with relace_mock.running(dimensions=8) as server:
        yield server


def test_requests_prints_a_line_a_request_with_all_that_happened(running: RunningServer) -> None:
    control = running.control("rlc-mine")
    control.play("rate-limited-twice")
    ask(running, "rlc-mine")
    ask(running, "rlc-mine")
    control.advance(1)
    ask(running, "rlc-mine")
    ask(running, "rlc-other", {"model": "m", "input": []})
    httpx.get(f"{running.base_url}/else")
    done = run("requests", "--url", running.base_url)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    begin = r"\d\d:\d\d:\d\d\.\d{3}  [0-9a-z]{8,9} +"
    took = r"  +[\d.]+ m?s  "
    for line, pattern in zip(
        lines,
        (
            rf"{begin}429{took}    2 inputs {{18}}rate-limited-twice, rule 0 step 0",
            rf"{begin}429{took}    2 inputs {{18}}rate-limited-twice, rule 0 step 0 +attempt 2 after \d+ ms \(asked for 1 s: too early\)",
            rf"{begin}200{took}    2 inputs {{8}}4 tokens  rate-limited-twice, normal service +attempt 3 after 1(\.\d+)? s \(asked for 1 s\)",
            rf"{begin}400{took} +input must not be empty",
            rf"{begin}404{took} +GET /v1/else  Bad Request: Route not found.*",
        ),
        strict=True,
    ):
        assert re.fullmatch(pattern, line), line
    assert len({line.index("ms  ") for line in lines}) == 1
    assert "rlc-" not in done.stdout


def test_requests_of_one_key_leave_out_those_of_others(running: RunningServer) -> None:
    ask(running, "rlc-mine")
    ask(running, "rlc-other")
    by_option = run("requests", "--url", running.base_url, "--api-key", "rlc-mine").stdout
    by_variable = run("requests", RELACE_MOCK_URL=running.base_url, RELACE_MOCK_API_KEY="rlc-mine")
    assert len(by_option.splitlines()) == 1
    assert by_variable.stdout == by_option


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
def test_the_url_may_end_with_or_without_v1(running: RunningServer, ending: str) -> None:
    ask(running, "rlc-mine")
    url = running.base_url.removesuffix("/v1") + ending
    assert len(run("requests", "--url", url).stdout.splitlines()) == 1
    done = run("health", "--url", url)
    assert done.returncode == 0
    assert done.stdout == (f"relace-mock {relace_mock.__version__} answers at {running.base_url}\n")


def test_json_is_an_entry_a_line(running: RunningServer) -> None:
    ask(running, "rlc-mine")
    done = run("requests", "--url", running.base_url, "--json")
    entries = httpx.get(f"{running.base_url[:-3]}/_mock/requests").json()["requests"]
    assert [json.loads(line) for line in done.stdout.splitlines()] == entries
    assert (entries[0]["inputs"], entries[0]["tokens"]) == (2, 4)


def test_the_access_log_and_requests_write_the_same_line(serve: Serve) -> None:
    with serve("--access-log", "--scenario", "flaky") as process:
        for key in "aab":
            httpx.post(
                f"{process.base_url}/code/embed",
                json=BODY,
                headers={"Authorization": f"Bearer {key}"},
            )
        httpx.get(f"{process.base_url}/x")
        printed = run("requests", "--url", process.base_url).stdout
        process.popen.terminate()
        _, logged = process.popen.communicate()
    assert len(printed.splitlines()) == 4
    assert printed == logged


def test_requests_says_how_many_were_dropped() -> None:
    with relace_mock.running(dimensions=8, journal_size=2) as server:
        for _ in range(5):
            ask(server, "rlc-mine")
        done = run("requests", "--url", server.base_url)
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == "relace-mock: 3 older requests were dropped: the journal was full\n"


def test_a_mock_with_a_token_needs_it() -> None:
    with relace_mock.running(dimensions=8, control_token=TOKEN) as server:
        ask(server, "rlc-mine")
        done = run("requests", "--url", server.base_url)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            "relace-mock: the mock refused: send the server's token in X-Mock-Control-Token: "
            "give it with --control-token\n"
        )
        done = run("requests", "--url", server.base_url, "--control-token", TOKEN)
        assert len(done.stdout.splitlines()) == 1
        assert run("health", "--url", server.base_url).returncode == 0


@pytest.fixture
def no_mock() -> Iterator[str]:
    """The URL of a web server that is no mock."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_another_server_is_not_taken_for_a_mock(no_mock: str) -> None:
    for command, code in (("requests",), 2), (("health", "--wait", "0s"), 1):
        done = run(*command, "--url", no_mock)
        assert (done.returncode, done.stdout) == (code, "")
        assert done.stderr == (
            f"relace-mock: the server at {no_mock}/v1 is not a relace-mock: check the URL\n"
        )


@pytest.fixture
def refused() -> str:
    """A URL where nobody listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_mock_that_does_not_answer_is_one_line(refused: str) -> None:
    for command, code in (
        (("requests",), 2),
        (("health", "--wait", "0s"), 1),
        (("requests", "--follow"), 2),
    ):
        done = run(*command, "--url", refused)
        assert (done.returncode, done.stdout) == (code, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"relace-mock: no mock answers at {refused}: ")
        assert "refused" in line
    assert run("health", "--url", refused, "--wait", "100ms").stderr.endswith(" (waited 0.1 s)\n")


def test_health_waits_for_a_mock_that_starts_later(refused: str) -> None:
    with (
        subprocess.Popen(
            [*COMMAND, "health", "--url", refused, "--wait", "60s"],
            stdout=subprocess.PIPE,
            text=True,
        ) as waiting,
        relace_mock.running(port=int(refused.rpartition(":")[2]), dimensions=8),
    ):
        output, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert output.endswith(f" answers at {refused}/v1\n")


def test_health_does_not_wait_for_a_server_that_says_nothing() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        done = run("health", "--url", f"http://127.0.0.1:{server.getsockname()[1]}", "--wait", "0")
    assert done.returncode == 1
    assert "timed out" in done.stderr


@pytest.mark.parametrize("command", ["requests", "health"])
@pytest.mark.parametrize(
    "url",
    ["rlc-secret", "127.0.0.1:8080", "ftp://h", "http://", "http://h:x", "http://h:99999", "http://[::1", "http://h/v2", "http://u:rlc-secret@h", "http://h?k=rlc-secret", ""],
)  # fmt: skip
def test_what_is_no_url_of_a_mock_is_bad_usage(command: str, url: str) -> None:
    done = run(command, "--url", url)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "relace-mock: Invalid value for '--url' (env var: 'RELACE_MOCK_URL'): "
        "not the URL of a mock: write http://127.0.0.1:8080/v1\n"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--api-key", "one two"], "--api-key takes one key, without blanks"),
        (["--api-key", "schlüssel"], "--api-key must be printable ASCII characters"),
        (["--control-token", "a\nb"], "--control-token must be printable ASCII characters"),
        (["rlc-secret"], "Got unexpected extra argument: each value needs its option"),
    ],
)
def test_options_that_cannot_be_sent_are_refused_and_not_repeated(
    options: list[str], words: str
) -> None:
    done = run("requests", *options)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"relace-mock: {words}\n")


def follower_of(server: RunningServer, key: str | None = None) -> Follower:
    return Follower(journal_of(server.base_url, key, None), all_keys=key is None)


def numbers(follower: Follower) -> list[int]:
    return [entry["number"] for entry in follower.new()]


def test_a_follower_gives_each_entry_once(running: RunningServer) -> None:
    ask(running, "a")
    follower = follower_of(running)
    assert numbers(follower) == [1]
    assert numbers(follower) == []
    for key in "aba":
        ask(running, key)
    assert numbers(follower) == [2, 3, 4]
    assert numbers(follower_of(running, "a")) == [1, 2, 4]


def test_a_follower_finds_entries_of_keys_whose_clock_was_moved(running: RunningServer) -> None:
    follower = follower_of(running)
    running.control("future").advance(3600)
    ask(running, "future")
    assert numbers(follower) == [1]
    ask(running, "now")
    assert numbers(follower) == [2]


def test_a_follower_gives_a_pending_entry_when_it_is_over(running: RunningServer) -> None:
    running.control("slow").play({"steps": [{"fault": "hang"}]})
    follower = follower_of(running)
    with httpx.Client(headers={"Authorization": "Bearer slow"}) as client:
        request = client.build_request("POST", f"{running.base_url}/code/embed", json=BODY)
        failed: list[Exception] = []
        waiting = threading.Thread(target=_sent, args=(client, request, failed))
        waiting.start()
        while not httpx.get(f"{running.base_url[:-3]}/_mock/requests").json()["requests"]:
            pass
        ask(running, "fast")
        assert numbers(follower) == [2]
        assert numbers(follower) == []
        waiting.join()
    assert failed
    found: list[int] = []
    while not found:
        found = numbers(follower)
    assert found == [1]
    assert numbers(follower) == []


def _sent(client: httpx.Client, request: httpx.Request, failed: list[Exception]) -> None:
    request.extensions["timeout"] = {"read": 1.0}
    try:
        client.send(request)
    except httpx.ReadTimeout as error:
        failed.append(error)


def test_a_follower_survives_an_emptied_journal(running: RunningServer) -> None:
    follower = follower_of(running)
    ask(running, "a")
    assert numbers(follower) == [1]
    ask(running, "a")
    running.control("a").reset()
    assert numbers(follower) == []
    ask(running, "a")
    assert numbers(follower) == [3]
    assert follower.missed == 0


def test_a_follower_survives_a_mock_that_starts_again() -> None:
    with relace_mock.running(dimensions=8) as server:
        port = int(server.base_url.rpartition(":")[2].removesuffix("/v1"))
        follower = follower_of(server)
        for _ in range(3):
            ask(server, "a")
        assert numbers(follower) == [1, 2, 3]
    with pytest.raises(ServerError, match="no mock answers at"):
        follower.new()
    with relace_mock.running(port=port, dimensions=8) as server:
        for _ in range(3):
            ask(server, "a")
        assert numbers(follower) == [1, 2, 3]
        assert numbers(follower) == []


def test_a_follower_counts_what_was_dropped_before_it_looked() -> None:
    with relace_mock.running(dimensions=8, journal_size=2) as server:
        follower = follower_of(server)
        ask(server, "a")
        assert numbers(follower) == [1]
        for _ in range(5):
            ask(server, "a")
        assert numbers(follower) == [5, 6]
        assert follower.missed == 3


def test_a_follower_asks_for_more_when_many_arrive_while_it_asks() -> None:
    """Between its two questions, further requests push the wanted ones out of the newest."""
    entries = [{"number": 1, "time": "1", "outcome": "answered"}]

    def fetch(limit: int | None) -> tuple[list[dict[str, object]], int]:
        newest = entries[-limit:] if limit else entries
        last = len(entries)
        entries.extend({"number": last + n, "time": "", "outcome": "answered"} for n in (1, 2, 3))
        return newest, 0

    follower = Follower(fetch, all_keys=True)
    seen = [number for _ in range(4) for number in numbers(follower)]
    assert seen == list(range(1, len(seen) + 1))


def test_follow_prints_requests_as_they_happen_until_ctrl_c(running: RunningServer) -> None:
    ask(running, "a")
    with subprocess.Popen(
        [*COMMAND, "requests", "--follow", "--url", running.base_url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None
        assert "  200  " in following.stdout.readline()
        ask(running, "a", {"model": "m", "input": []})
        assert "  400  " in following.stdout.readline()
        following.send_signal(signal.SIGINT)
        _, errors = following.communicate(timeout=60)
    assert (following.returncode, errors) == (0, "")


def test_a_reader_that_has_seen_enough_is_no_error(running: RunningServer) -> None:
    ask(running, "a")
    with subprocess.Popen(
        [*COMMAND, "requests", "--follow", "--url", running.base_url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None and following.stderr is not None
        following.stdout.readline()
        following.stdout.close()
        ask(running, "a")
        assert following.stderr.read() == ""
        assert following.wait(60) == 0
