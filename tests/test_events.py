"""``GET /_mock/events``: the journal as server-sent events, over real sockets."""

from __future__ import annotations

import functools
import json
import signal
import socket
from collections.abc import Iterator
from typing import Any, Self

import httpx
import pytest

import relace_mock
from relace_mock import RunningServer
from relace_mock.control import events
from relace_mock.journal.feed import Feed
from relace_mock.keys import namespace_of
from tests.conftest import KEY, Serve
from tests.steering import until

Event = tuple[str, Any]
TOKEN = {"X-Mock-Control-Token": "s3cret"}


@pytest.fixture(scope="module")
def running() -> Iterator[RunningServer]:
    with relace_mock.running(dimensions=8) as server:
        yield server


@pytest.fixture(autouse=True)
def _empty(running: RunningServer) -> None:
    httpx.delete(f"{running.url}/_mock/requests")
    running.control("rlc-test").stop()


def embed(server: RunningServer, text: str = "x", key: str = "rlc-test") -> httpx.Response:
    body = {"model": "relace-embed-v1", "input": [text]}
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(f"{server.base_url}/code/embed", json=body, headers=headers)


class Stream:
    """An open event stream. ``last`` is the id of the last event."""

    def __init__(self, server: RunningServer, **headers: str) -> None:
        self.last: str | None = None
        self._client = httpx.Client(timeout=20)
        request = self._client.build_request("GET", f"{server.url}/_mock/events", headers=headers)
        self.response = self._client.send(request, stream=True)
        self._lines = self.response.iter_lines()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()
        self._client.close()

    def next(self) -> Event:
        """The next event that has data."""
        name, data = "", ""
        for line in self._lines:
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = value
            elif field == "id":
                self.last = value
            elif not line and data:
                return name, json.loads(data)
        raise AssertionError("the stream ended")

    def past(self) -> list[Event]:
        """The events up to ``live``."""
        found = [self.next()]
        while found[-1][0] != "live":
            found.append(self.next())
        return found

    def finished(self) -> Any:
        """The next entry that is over."""
        while True:
            name, data = self.next()
            if name == "entry" and data["outcome"] != "pending":
                return data


def test_a_stream_begins_with_what_there_is_and_goes_on_live(running: RunningServer) -> None:
    embed(running, "before")
    with Stream(running) as stream:
        assert stream.response.headers["content-type"] == "text/event-stream"
        assert [name for name, _ in stream.past()] == ["snapshot", "entry", "live"]
        embed(running, "after")
        entry = stream.finished()
    shown = httpx.get(f"{running.url}/_mock/requests").json()["requests"][-1]
    assert entry == shown


def test_no_key_is_in_a_stream(running: RunningServer) -> None:
    key = "rlc-" + "a1" * 16
    embed(running, f"my key is {key}", key=key)
    with Stream(running) as stream:
        assert key not in json.dumps(stream.past())


def test_a_stream_with_a_key_has_only_the_requests_of_that_key(running: RunningServer) -> None:
    embed(running, "other", key="rlc-other")
    with Stream(running, **KEY) as stream:
        assert [name for name, _ in stream.past()] == ["snapshot", "live"]
        embed(running, "other", key="rlc-other")
        embed(running, "mine")
        assert "mine" in stream.finished()["request"]["body"]


def test_clearing_the_journal_sends_an_event(running: RunningServer) -> None:
    with Stream(running) as stream:
        stream.past()
        httpx.delete(f"{running.url}/_mock/requests", headers=KEY)
        name, data = stream.next()
    assert name == "cleared"
    assert data == {"namespace": namespace_of("rlc-test")}


def test_a_reader_that_comes_back_gets_only_what_changed_since(running: RunningServer) -> None:
    for number in range(150):
        embed(running, f"text {number}")
    with Stream(running) as stream:
        stream.past()
        embed(running, "the last before the break")
        stream.finished()
        embed(running, "another")
        stream.finished()
        last = stream.last
    assert last is not None
    embed(running, "in the break")
    with Stream(running, **{"Last-Event-ID": last}) as stream:
        events = stream.past()
    assert "snapshot" not in [name for name, _ in events]
    texts = [data["request"]["body"] for name, data in events if name == "entry"]
    assert "in the break" in texts[-1]
    assert len(texts) < 100
    httpx.delete(f"{running.url}/_mock/requests")
    with Stream(running, **{"Last-Event-ID": last}) as stream:
        assert stream.past()[0][0] == "snapshot"


@pytest.mark.parametrize("identity", ["", "x", "other-5", "5", "-", "00000000-٥"])
def test_an_unknown_last_event_id_gets_everything(running: RunningServer, identity: str) -> None:
    embed(running)
    url, headers = f"{running.url}/_mock/events", {b"Last-Event-ID": identity.encode()}
    with httpx.stream("GET", url, headers=headers) as response:
        assert next(response.iter_lines()) == "event: snapshot"


def test_many_readers_get_the_same(running: RunningServer) -> None:
    streams = [Stream(running) for _ in range(20)]
    for stream in streams:
        stream.past()
    embed(running, "for all")
    assert len({json.dumps(stream.finished()) for stream in streams}) == 1
    for stream in streams:
        stream.__exit__()


def test_a_reader_that_does_not_read_is_told_what_it_missed_and_gets_a_new_snapshot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It holds up neither the server nor other readers, and the server keeps a bounded amount."""
    monkeypatch.setattr(events, "Feed", functools.partial(Feed, kept=300_000))
    with relace_mock.running(dimensions=8, journal_bytes=2_000_000) as server:
        host, port = server.url.removeprefix("http://").split(":")
        slow = socket.socket()
        slow.settimeout(60)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # the kernel holds little
        slow.connect((host, int(port)))
        slow.sendall(f"GET /_mock/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        with Stream(server) as other, httpx.Client() as client:
            other.past()
            for number in range(100):
                body = {"model": "relace-embed-v1", "input": [f"{number} " + "x" * 60_000]}
                client.post(f"{server.base_url}/code/embed", json=body, headers=KEY)
                if number % 20 == 19:
                    while f"{number} x" not in other.finished()["request"]["body"][:70]:
                        pass
            seen = bytearray()
            while b"event: behind" not in seen[-70_000:]:
                seen += slow.recv(1 << 16)
            del seen[: seen.index(b"event: behind")]
            while b"99 xxx" not in seen[-140_000:]:  # the newest request
                seen += slow.recv(1 << 16)
        slow.close()
    assert b'data: {"missed":' in seen
    assert b"event: snapshot" in seen


def test_the_token_is_needed_as_for_other_control_requests() -> None:
    with relace_mock.running(dimensions=8, control_token=TOKEN["X-Mock-Control-Token"]) as server:
        url = f"{server.url}/_mock/events"
        assert httpx.get(url).status_code == 403
        assert httpx.get(f"{url}?token=s3cret").status_code == 403
        with httpx.stream("GET", url, headers=TOKEN) as response:
            assert response.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_no_foreign_page_can_read_the_stream(
    running: RunningServer, headers: dict[str, str]
) -> None:
    assert httpx.get(f"{running.url}/_mock/events", headers=headers).status_code == 403


def test_the_server_stops_within_a_second_though_streams_are_open(serve: Serve) -> None:
    with serve() as process:
        server = RunningServer(process.base_url, None)
        with Stream(server) as stream, Stream(server) as other:
            stream.past()
            other.past()
            process.popen.send_signal(signal.SIGTERM)
            assert process.popen.wait(5) == 0


def test_readers_that_left_are_forgotten() -> None:
    with relace_mock.running(dimensions=8, max_connections=4) as server:
        for _ in range(12):

            def opened() -> bool:
                with Stream(server) as stream:
                    return stream.response.status_code == 200 and stream.past()[-1][0] == "live"

            assert until(opened, "a stream")


def test_a_mock_without_a_socket_gives_what_it_has_and_ends() -> None:
    with httpx.Client(transport=relace_mock.transport(dimensions=8), base_url="http://m") as client:
        client.post(
            "/v1/code/embed", json={"model": "relace-embed-v1", "input": ["x"]}, headers=KEY
        )
        text = client.get("/_mock/events").text
    assert [line for line in text.splitlines() if line.startswith("event")] == [
        "event: snapshot",
        "event: entry",
        "event: live",
    ]


def test_a_control_request_may_name_a_namespace_by_its_hash(running: RunningServer) -> None:
    """The page does that, because it knows no key."""
    name = namespace_of("rlc-test")
    control = {"X-Mock-Namespace": name}
    put = httpx.put(f"{running.url}/_mock/scenario", json={"name": "server-error"}, headers=control)
    assert put.json()["chosen_by"] == "installed"
    assert embed(running).status_code == 500
    assert embed(running, key="rlc-other").status_code == 200
    listed = httpx.get(f"{running.url}/_mock/namespaces").json()
    (mine,) = [each for each in listed["namespaces"] if each["namespace"] == name]
    assert (mine["name"], mine["chosen_by"]) == ("server-error", "installed")
    assert mine["position"][0]["steps"][0]["given"] == 1
    bad = httpx.get(f"{running.url}/_mock/scenario", headers={"X-Mock-Namespace": "rlc-test"})
    assert bad.status_code == 400
    assert "16 hexadecimal digits" in bad.json()["error"]
