"""Control the mock from plain Python, over a socket and in process."""

from __future__ import annotations

import concurrent.futures
import gzip
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

import relace_mock
from relace_mock import RemoteControl, ServerError, SettingsError
from tests import steering
from tests.conftest import Serve
from tests.steering import until


@pytest.fixture(params=["socket", "in process"])
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client with a ``control`` of its own key."""
    if request.param == "in process":
        transport = relace_mock.transport(dimensions=8)
        control = transport.control("rlc-remote")
        with httpx.Client(transport=transport, base_url=control.base_url) as client:
            client.control = control  # type: ignore[attr-defined]
            yield client
    else:
        with (
            relace_mock.running(dimensions=8) as server,
            httpx.Client(base_url=server.base_url) as client,
        ):
            client.control = server.control("rlc-remote")  # type: ignore[attr-defined]
            yield client


@pytest.fixture
def control(client: httpx.Client) -> RemoteControl:
    control: RemoteControl = client.control  # type: ignore[attr-defined]
    client.headers["Authorization"] = f"Bearer {control.api_key}"
    return control


def ask(client: httpx.Client, text: str = "a") -> int:
    return client.post("/code/embed", json={"model": "m", "input": [text]}).status_code


def test_a_scenario_is_played_until_it_is_stopped(
    client: httpx.Client, control: RemoteControl
) -> None:
    control.play({"steps": [{"status": 500, "times": 9}]})
    assert [ask(client), ask(client)] == [500, 500]
    control.stop()
    assert ask(client) == 200


def test_reset_rewinds_and_empties_the_journal(
    client: httpx.Client, control: RemoteControl
) -> None:
    control.play({"steps": [{"status": 500}]})
    assert [ask(client), ask(client)] == [500, 200]
    control.reset()
    assert control.requests == []
    assert ask(client) == 500


def test_a_new_call_is_counted_from_its_first_attempt(
    client: httpx.Client, control: RemoteControl
) -> None:
    control.play({"rules": [{"when": {"attempt": 1}, "steps": [{"status": 500, "times": 9}]}]})
    assert [ask(client), ask(client), ask(client), ask(client)] == [500, 200, 500, 200]
    assert ask(client) == 500
    control.new_call()
    assert ask(client) == 500
    assert [request.attempt for request in control.requests] == [1, 2, 1, 2, 1, 1]


def test_unused_steps_are_listed(client: httpx.Client, control: RemoteControl) -> None:
    control.play({"steps": [{"status": 500}, {"status": 429, "times": 2}]})
    ask(client)
    assert control.unused() == ["rule 0, step 1: answered 0 of 2 times"]


def test_a_bad_scenario_is_refused_and_the_old_one_stays(
    client: httpx.Client, control: RemoteControl, tmp_path: Path
) -> None:
    control.play({"steps": [{"status": 500, "times": 9}]})
    with pytest.raises(ServerError, match=r"steps\[0\].statsu: is not a key here; did you mean"):
        control.play({"steps": [{"statsu": 500}]})
    with pytest.raises(ServerError, match=r"there is no scenario 'flakey'; did you mean flaky\?"):
        control.play("flakey")
    path = tmp_path / "story.yaml"
    path.write_text("steps:\n  - status: no\n")
    with pytest.raises(SettingsError, match=r"story.yaml:2:13: steps\[0\].status: must be"):
        control.play(path)
    assert ask(client) == 500


def test_the_error_names_a_mock_that_does_not_answer() -> None:
    with relace_mock.running(dimensions=8) as server:
        control = server.control("k")
    with pytest.raises(ServerError, match=f"no mock answers at {server.url}"):
        control.play("ok")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "a scenario is a name, a file, YAML text or a mapping such as .*, not 3"),
        (None, "a scenario is a name, .*, not None"),
        (b"flaky", "a scenario is a name, .*, not b'flaky'"),
        ([{"status": 429}], r"a scenario is a name, .* \(put steps into {'steps': \[...\]}\)"),
        ({"steps": [{"status": {429}}]}, "the scenario has a value that JSON cannot hold: .*set"),
    ],
)
def test_a_value_that_is_not_a_scenario_raises_a_type_error_that_shows_the_right_form(
    control: RemoteControl, given: Any, message: str
) -> None:
    with pytest.raises(TypeError, match=message) as caught:
        control.play(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "a scenario is a name, .*, not ''"),
        ("none.yaml", "there is no file 'none.yaml' in "),
        (Path("none"), "there is no file 'none' in "),
        (Path("/none/none.yaml"), "there is no file .*none.yaml"),
        ("steps: [{statsu: 429}]", r"YAML text:1:10: steps\[0\].statsu: .*did you mean status"),
        ("steps:\n- status: no\n", r"YAML text:2:11: steps\[0\].status: must be"),
        ('{"steps": ', "YAML text:2:1: is not YAML"),
    ],
)
def test_a_mistake_in_a_text_or_file_is_reported_with_its_place(
    control: RemoteControl, given: Any, message: str
) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        control.play(given)
    assert "\n" not in str(caught.value)


def test_a_yaml_text_is_played(client: httpx.Client, control: RemoteControl) -> None:
    control.play("steps: [{status: 418}]")
    assert ask(client) == 418
    control.play("# twice\nsteps:\n  - status: 429\n    times: 2\n")
    assert [ask(client), ask(client), ask(client)] == [429, 429, 200]


def test_a_misspelt_scenario_name_gets_the_nearest_name_suggested(control: RemoteControl) -> None:
    with pytest.raises(ServerError, match=r"did you mean rate-limited-twice\?"):
        control.play("rate-limit-twice")


def test_forget_removes_everything_of_a_key(client: httpx.Client, control: RemoteControl) -> None:
    """A key has a scenario, script, attempts, quota, clock and journal."""
    before = client.get(f"{control.base_url}/../_mock/health").json()["namespaces"]["kept"]
    control.play({"rate_limit": {"requests": 1, "per": "60s"}, "steps": [{"status": 500}]})
    assert [ask(client), ask(client)] == [500, 429]
    control.advance(1000)
    control.forget()
    health = client.get(f"{control.base_url}/../_mock/health").json()
    assert health["namespaces"]["kept"] == before
    assert health["journal"]["entries"] == 0
    assert control.requests == [] and control.position()["name"] is None
    assert [ask(client), ask(client)] == [200, 200]
    assert [request.attempt for request in control.requests] == [1, 1]


def test_forget_without_a_key_is_refused(client: httpx.Client, control: RemoteControl) -> None:
    del client.headers["Authorization"]
    response = client.delete(f"{control.base_url}/../_mock/namespace")
    assert response.status_code == 400
    assert response.json()["error"].startswith("the request has no API key: send the key")


JSON = {"model": "m", "input": ["ä"]}
TEXT = json.dumps(JSON, ensure_ascii=False).encode()


def raw_deflate(content: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-15)
    return packing.compress(content) + packing.flush()


@pytest.mark.parametrize(
    ("coding", "content"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("X-GZIP", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
        ("identity", TEXT),
        ("", TEXT),
        ("deflate, gzip", gzip.compress(zlib.compress(TEXT), mtime=0)),
        ("gzip", gzip.compress(TEXT[:5], mtime=0) + gzip.compress(TEXT[5:], mtime=0)),
        ("gzip", b"".join(gzip.compress(bytes([byte]), mtime=0) for byte in TEXT)),
    ],
)
def test_a_compressed_body_is_decompressed(
    client: httpx.Client, control: RemoteControl, coding: str, content: bytes
) -> None:
    client.post("/code/embed", content=content, headers={"Content-Encoding": coding})
    (request,) = control.requests
    assert request.content == content
    assert request.json() == JSON


@pytest.mark.parametrize(
    ("fields", "content", "message"),
    [
        ({}, b'"' + b"a" * 65_535 + b'"', "#1 has a body of 65537 bytes, but .* 65536 bytes"),
        ({"Content-Encoding": "gzip"}, b"\x1f\x8b" + b"a" * 70_000, "has a body of 70002 bytes"),
        (
            {"Content-Encoding": "gzip"},
            TEXT,
            "#1 has the Content-Encoding gzip, but its body is not valid gzip",
        ),
        (
            {"Content-Encoding": "gzip"},
            gzip.compress(TEXT, mtime=0)[:-9],
            "but its body is not valid gzip",
        ),
        (
            {"Content-Encoding": "gzip"},
            gzip.compress(TEXT, mtime=0) + b"junk",
            "but its body has 4 bytes after the end of the compressed data: see `content`",
        ),
        (
            {"Content-Encoding": "gzip"},
            gzip.compress(TEXT, mtime=0) + gzip.compress(TEXT, mtime=0)[:-9],
            "but its body is not valid gzip",
        ),
        ({"Content-Encoding": "deflate"}, zlib.compress(TEXT) + b"x", "1 byte after the end of"),
        ({"Content-Encoding": "deflate"}, raw_deflate(TEXT) + b"x", "1 byte after the end of"),
        ({"Content-Encoding": "br"}, b"x", "#1 has the Content-Encoding 'br'; json.. decodes gzip"),
        ({}, b'{"a": "\xff"}', "the body of request #1 is not UTF-8 at byte 7: see `content`"),
        ({}, b'{"a": ', "Expecting value"),
    ],
)
def test_the_error_says_why_a_body_cannot_be_parsed(
    client: httpx.Client,
    control: RemoteControl,
    fields: dict[str, str],
    content: bytes,
    message: str,
) -> None:
    client.post("/code/embed", content=content, headers=fields)
    (request,) = control.requests
    with pytest.raises(ValueError, match=message):
        request.json()
    assert request.content == content[:65_536]
    assert request.body == request.content.decode("utf-8", "replace")


def test_a_body_that_grows_too_much_is_not_decompressed(
    client: httpx.Client, control: RemoteControl
) -> None:
    """The limit is for all members of a gzip body together."""
    half = gzip.compress(bytes(1 << 25), mtime=0)
    whole = gzip.compress(b"[]", mtime=0)
    for content in (half + half + whole, gzip.compress(bytes((1 << 26) + 1), mtime=0)):
        control.reset()
        client.post("/code/embed", content=content, headers={"Content-Encoding": "gzip"})
        with pytest.raises(ValueError, match="but its body is not valid gzip"):
            control.requests[0].json()


def test_a_body_of_64_kib_is_kept_whole(client: httpx.Client, control: RemoteControl) -> None:
    client.post("/code/embed", content=b'"' + b"a" * 65_534 + b'"')
    assert control.requests[0].json() == "a" * 65_534


def test_a_body_over_the_limit_of_the_server_is_not_kept() -> None:
    with relace_mock.running(max_body=100) as server:
        control = server.control("rlc-x")
        headers = {"Authorization": "Bearer rlc-x"}
        answer = httpx.post(f"{server.base_url}/code/embed", content=b" " * 101, headers=headers)
        assert answer.status_code == 413
        with pytest.raises(ValueError, match="#1 has a body of 101 bytes, but none was kept"):
            control.requests[0].json()


def test_reading_the_journal_waits_for_pending_requests(
    client: httpx.Client, control: RemoteControl
) -> None:
    control.play({"steps": [{"delay": "400ms"}]})
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, client)
        until(control.journal, "a request")
        assert control.journal()[0].outcome == "pending"
        assert control.requests[0].outcome == "answered"
        assert answer.result() == 200


def test_reading_the_journal_waits_no_longer_than_settle(
    client: httpx.Client, control: RemoteControl
) -> None:
    """The server answers others meanwhile, even if more requests wait than it has threads."""
    control.play({"steps": [{"delay": "20s"}]})
    with concurrent.futures.ThreadPoolExecutor(41) as pool:
        pool.submit(client.post, "/code/embed", timeout=4)
        until(control.journal, "a request")
        found = list(pool.map(lambda _: control.journal(settle="300ms"), range(40)))
        assert {entries[0].outcome for entries in found} == {"pending"}


@pytest.mark.parametrize("value", ["2", "", "-1s", "soon", "61s", "2h", "2 s", "1e3s"])
def test_a_settle_value_that_is_not_a_duration_is_refused(
    control: RemoteControl, value: str
) -> None:
    with pytest.raises(ServerError, match="settle must be a duration such as 250ms or 2s, at most"):
        control.journal(settle=value)


def test_a_request_says_where_the_vectors_of_its_answer_come_from(
    client: httpx.Client, control: RemoteControl
) -> None:
    control.play({"steps": [{"status": 500}]})
    ask(client)
    ask(client)
    assert [request.source for request in control.requests] == [None, "computed"]


def test_the_repr_of_a_request_or_control_is_readable_and_holds_no_key(
    client: httpx.Client, control: RemoteControl
) -> None:
    control.play({"name": "mine", "steps": [{"status": 429}]})
    ask(client)
    (request,) = control.requests
    assert request.number == 1
    assert repr(request).startswith("<RecordedRequest #1 ")
    assert repr(request).endswith(" POST /v1/code/embed attempt 1 → 429, answered by mine>")
    space = request.raw["namespace"]
    assert repr(control) == f"<RemoteControl of {control.base_url}, namespace {space}>"
    assert control.api_key not in repr(control)


def test_the_repr_of_a_transport_shows_its_settings_without_keys() -> None:
    transport = relace_mock.transport(dimensions=8, api_keys=("rlc-secret",), control_token="t0k")  # noqa: S106 - made up
    shown = "relace_mock.transport(api_keys=…, dimensions=8, control_token=…)"
    assert repr(transport) == shown


def test_an_unknown_transport_setting_gets_the_nearest_name_suggested() -> None:
    wrong: Any = {"dimension": 3}
    with pytest.raises(SettingsError, match="'dimension' is not a setting: did you mean dimensi"):
        relace_mock.transport(**wrong)


@pytest.mark.parametrize("url", ["nonsense", "", "ftp://x/v1", "http://", "http://x:y/v1"])
def test_a_string_that_cannot_be_the_url_of_a_mock_is_refused(url: str) -> None:
    with pytest.raises(ServerError, match="URL of a mock"):
        RemoteControl(url, "rlc-x")


@pytest.mark.parametrize("key", [5, b"s3cret", None, "s3cret\nx", "s3crét"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_repeated(key: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="the API key must be ") as caught:
        relace_mock.transport(dimensions=8).control(key)
    assert "s3cr" not in str(caught.value)


@pytest.mark.parametrize("url", [5, None, b"http://127.0.0.1:9"])
def test_a_base_url_must_be_a_string(url: Any) -> None:
    message = "base_url must be a string such as 'http://127"
    with pytest.raises(TypeError, match=message):
        RemoteControl(url, "k")
    with pytest.raises(TypeError, match=message):
        relace_mock.MockServer(url).mock("a")


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (float("nan"), "such as advance(60), not nan"),
        (float("-inf"), "such as advance(60), not -inf"),
        (10**400, "such as advance(60), not 1000"),
        ("60", "such as advance(60), not '60'"),
        (None, "such as advance(60), not None"),
        (True, "such as advance(60), not True"),
        (timedelta(minutes=1), "not datetime.timedelta(seconds=60): write advance(60)"),
    ],
    ids=range(7),
)
def test_the_clock_advances_by_a_number_of_seconds(
    control: RemoteControl, seconds: Any, message: str
) -> None:
    with pytest.raises((TypeError, SettingsError)) as caught:
        control.advance(seconds)
    assert message in str(caught.value)


def test_a_port_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ServerError, match="its port is not a number"):
        RemoteControl("http://127.0.0.1:none/v1", "k")


def test_a_verdict_is_true_only_if_it_is_ok(client: httpx.Client, control: RemoteControl) -> None:
    assert not control.verdict(), "no request was sent"
    nothing = "<Verdict NOT ok, 0 requests: no request arrived, so nothing was tested>"
    assert repr(control.verdict()) == nothing
    ask(client)
    assert control.verdict()
    assert repr(control.verdict()) == "<Verdict ok, 1 request: no findings>"
    control.play("unauthorized")
    ask(client), ask(client)
    assert not control.verdict()
    assert repr(control.verdict()).startswith("<Verdict NOT ok, 3 requests: retried_non_retryable")


def test_a_mock_with_tls_can_be_controlled(serve: Serve, tmp_path: Path) -> None:
    """`SSL_CERT_FILE` names its certificate authority, as for every client."""
    authority, certificate = trustme.CA(), tmp_path / "server.pem"
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    code = """
import sys
import relace_mock

control = relace_mock.RemoteControl(sys.argv[1], "rlc-x")
control.play("flaky")
print(control.position()["name"], control.requests)
"""
    with serve("--dimensions", "8", "--ssl-certfile", str(certificate)) as process:
        done = subprocess.run(
            [sys.executable, "-c", code, process.base_url],
            env=os.environ | {"SSL_CERT_FILE": str(tmp_path / "ca.pem")},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.stdout, done.stderr) == ("flaky []\n", "")


@pytest.fixture(params=["missing", "none", "pipe", "device", "folder"])
def bad_file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A file that cannot be the one of ``SSL_CERT_FILE``, and the message about it."""
    file = tmp_path / "certificates.pem"
    if request.param == "none":
        file.write_text("no certificate")
        return str(file), f"SSL_CERT_FILE: {file} has no certificate in PEM form: name another"
    if request.param == "pipe":
        os.mkfifo(file)
    if request.param == "folder":
        file.mkdir()
    path = "/dev/zero" if request.param == "device" else str(file)
    return path, f"SSL_CERT_FILE: cannot read {path}: "


@pytest.mark.parametrize(
    "command",
    [
        ["health", "--url", "https://127.0.0.1:9", "--wait", "60s"],
        ["requests", "--url", "https://127.0.0.1:9"],
        ["serve", "--port", "0", "--upstream", "https://127.0.0.1:9"],
    ],
    ids=lambda command: command[0],
)
def test_a_bad_file_of_certificates_is_told_at_once(
    command: list[str], bad_file: tuple[str, str]
) -> None:
    file, message = bad_file
    done = subprocess.run(
        [sys.executable, "-m", "relace_mock", *command],
        env=os.environ | {"SSL_CERT_FILE": file},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"relace-mock: {message}")


def test_the_control_api_accepts_the_token_and_refuses_a_client_without_it() -> None:
    with relace_mock.running(dimensions=8, control_token="t0ken-of-test") as server:  # noqa: S106 - made up
        server.control("rlc-test").play("server-error")
        assert steering.ask(server).status_code == 500
        assert "t0ken-of-test" not in repr(server)
        with pytest.raises(ServerError, match="send the server's token"):
            RemoteControl(server.base_url, "rlc-test").play("ok")


def test_another_server_than_a_mock_is_refused() -> None:
    def elsewhere(*_: Any) -> tuple[int, bytes]:
        return 200, b"<html>"

    with pytest.raises(ServerError, match="is not a relace-mock"):
        RemoteControl("http://127.0.0.1:1/v1", "k", send=elsewhere).play("ok")


@pytest.mark.parametrize("name", ["two words", "naïve", "a&limit=1", "100%", "a+b"])
def test_the_value_of_a_filter_is_sent_as_it_is(
    client: httpx.Client, control: RemoteControl, name: str
) -> None:
    control.play({"name": "a", "steps": [{"status": 500}]})
    ask(client)
    ask(client)
    assert control.journal(scenario=name) == []
    assert len(control.journal(scenario="a")) == 2
