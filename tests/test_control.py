"""The control API: its own description, who may use it, and hot reload."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from openapi_spec_validator import OpenAPIV31SpecValidator

import relace_mock
from relace_mock import RunningServer
from relace_mock.control import api
from relace_mock.control.description import document
from tests.conftest import KEY, Process, Serve
from tests.generated_requests import operations, try_requests
from tests.steering import Steering

pytestmark = pytest.mark.usefixtures("measured")


@pytest.fixture(scope="module")
def running() -> Iterator[RunningServer]:
    with relace_mock.running(dimensions=8) as server:
        yield server


@pytest.fixture
def control(running: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{running.url}/_mock", headers=KEY) as client:
        client.post("/reset", json={"all": True})
        client.delete("/scenario")
        yield client


def test_the_description_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(document()).validate()


def test_the_description_names_every_route_and_method(control: httpx.Client) -> None:
    listed = control.get("/openapi.json").json()["paths"]
    known = control.get("/nothing").json()["error"].partition("use one of ")[2]
    assert set(listed) == set(known.split(", "))
    for path, methods in listed.items():
        allow = control.request("PATCH", path.removeprefix("/_mock")).headers["allow"]
        assert {name.lower() for name in allow.split(", ")} - {"head"} == set(methods)


SCHEMA = schemathesis.openapi.from_dict(document()).exclude(path="/_mock/events")  # never ends
OPERATIONS = operations(SCHEMA)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: str(operation.label))
def test_schemathesis_finds_no_answer_against_the_description(
    operation: Any, running: RunningServer
) -> None:
    """The description declares the status, content type and body of every answer."""

    def judge(case: Any, session: Any) -> None:
        response = case.call(base_url=running.url, headers=KEY, session=session)
        case.validate_response(
            response,
            excluded_checks=[
                # A scenario may be valid by the schema but impossible: no schema can say that a
                # step is never reached.
                schemathesis.checks.CHECKS.get_one("positive_data_acceptance"),
                # A body may be valid by one alternative of its schema and invalid by another.
                schemathesis.checks.CHECKS.get_one("negative_data_rejection"),
                # The endpoints work without a key; see the tests below for who may use them.
                schemathesis.checks.CHECKS.get_one("ignored_auth"),
            ],
        )

    try_requests(operation, judge, fuzzed=25)


@pytest.mark.parametrize(
    ("method", "path", "body", "problem"),
    [
        ("PUT", "/scenario", b"", "scenario:1:1: is empty"),
        ("PUT", "/scenario", b"steps: [{statsu: 4}]", "steps[0].statsu: is not a key here; did"),
        ("PUT", "/scenario", b'{"name": "flakey"}', "there is no scenario 'flakey'; did you mean"),
        ("PUT", "/scenario", b'{"name": 3}', "name: must be a string"),
        ("POST", "/clock", b"", "the body is not JSON"),
        ("POST", "/clock", b"{}", '"advance" is a required property'),
        ("POST", "/clock", b'{"advance": -1}', "advance: -1 is less than the minimum of 0"),
        ("POST", "/clock", b'{"advance": "1"}', 'advance: "1" is not of type "number"'),
        ("POST", "/reset", b'{"everything": true}', "'everything' was unexpected"),
        ("POST", "/reset", b"[", "the body is not JSON"),
    ],
)
def test_a_bad_control_request_changes_nothing_and_says_what_is_wrong(
    control: httpx.Client, method: str, path: str, body: bytes, problem: str
) -> None:
    control.put("/scenario", json={"name": "server-error"})
    before = control.get("/scenario").json()
    answer = control.request(method, path, content=body)
    assert answer.status_code == 400
    assert problem in answer.json()["error"]
    assert control.get("/scenario").json() == before


def test_a_scenario_may_be_sent_as_yaml(control: httpx.Client) -> None:
    answer = control.put("/scenario", content="# a scenario\nname: mine\nsteps:\n- status: 500\n")
    assert (answer.status_code, answer.json()["name"]) == (200, "mine")
    assert answer.json()["position"] == [{"rule": 0, "steps": [{"given": 0, "times": 1}]}]


def test_no_scenario_can_be_installed_for_a_key_that_names_its_own(control: httpx.Client) -> None:
    key = {"Authorization": "Bearer mock.flaky.x"}
    answer = control.put("/scenario", json={"name": "ok"}, headers=key)
    assert answer.status_code == 409
    assert control.get("/scenario", headers=key).json()["name"] == "flaky"


def test_a_malformed_key_is_refused_and_not_treated_as_a_missing_key(control: httpx.Client) -> None:
    """Without a key, the request would change the default of the server."""
    answer = control.put("/scenario", json={"name": "ok"}, headers={"Authorization": "Basic x"})
    assert answer.status_code == 400


def test_a_scenario_installed_without_a_key_is_the_default_of_all_other_keys(
    running: RunningServer, control: httpx.Client
) -> None:
    def ask(key: str) -> int:
        bearer = {"Authorization": f"Bearer {key}"}
        body = {"model": "m", "input": ["a"]}
        return httpx.post(f"{running.base_url}/code/embed", json=body, headers=bearer).status_code

    control.put("/scenario", json={"name": "ok"})
    try:
        for _ in range(2):  # installing it again plays it from its beginning
            httpx.put(f"{running.url}/_mock/scenario", json={"steps": [{"status": 503}]})
            assert [ask("rlc-a"), ask("rlc-b"), ask("rlc-a")] == [503, 503, 200]
        assert ask("rlc-test") == 200
        httpx.post(f"{running.url}/_mock/reset")
        assert ask("rlc-a") == 503
    finally:
        httpx.delete(f"{running.url}/_mock/scenario")
    assert ask("rlc-b") == 200


def test_each_key_has_its_own_clock(running: RunningServer) -> None:
    one, other = running.control("rlc-one"), running.control("rlc-other")
    before = other.position()
    now = json.loads(
        httpx.post(
            f"{running.url}/_mock/clock",
            json={"advance": 86400},
            headers={"Authorization": f"Bearer {one.api_key}"},
        ).text
    )["now"]
    assert other.position() == before
    for control in (one, other):
        body = {"model": "m", "input": ["a"]}
        key = {"Authorization": f"Bearer {control.api_key}"}
        httpx.post(f"{running.base_url}/code/embed", json=body, headers=key)
    assert one.requests[0].time >= now > other.requests[0].time


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}],
    ids=["origin", "host", "null origin"],
)
def test_a_web_page_cannot_steer_the_mock(control: httpx.Client, headers: dict[str, str]) -> None:
    for method, path in [("PUT", "/scenario"), ("GET", "/requests"), ("POST", "/reset")]:
        assert control.request(method, path, headers=headers).status_code == 403
    assert control.get("/health", headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "[::1]:8080", "127.0.0.1"])
def test_this_machine_may_steer_the_mock_under_any_of_its_names(
    control: httpx.Client, host: str
) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert control.get("/requests", headers=headers).status_code == 200


def test_the_control_api_in_process_needs_no_guard_against_web_pages() -> None:
    with httpx.Client(transport=relace_mock.transport(), base_url="http://mock") as client:
        assert client.get("/_mock/scenario").status_code == 200


def test_beyond_loopback_the_control_api_needs_the_token() -> None:
    with relace_mock.running(host="0.0.0.0", dimensions=8) as server:  # noqa: S104 - what is tested
        url = server.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - as above
        for token in ({}, {"X-Mock-Control-Token": "guess"}):
            answer = httpx.get(f"{url}/_mock/requests", headers=token)
            assert answer.status_code == 403
            assert "--control-token" in answer.json()["error"]
        assert httpx.get(f"{url}/_mock/health").status_code == 200


TOKEN = "s3cret-token"


def test_only_the_token_opens_the_control_api() -> None:
    with relace_mock.running(control_token=TOKEN, dimensions=8) as server:
        for token, status in [(TOKEN, 200), ("s3cret", 403), ("", 403), ("ü", 403)]:
            headers = {b"X-Mock-Control-Token": token.encode()}
            answer = httpx.get(f"{server.url}/_mock/requests", headers=headers)
            assert answer.status_code == status
            assert TOKEN not in answer.text
        assert httpx.get(f"{server.url}/_mock/requests").status_code == 403


def test_a_body_larger_than_a_scenario_is_refused(control: httpx.Client) -> None:
    answer = control.put("/scenario", content=b"#" * 1_000_001)
    assert answer.status_code == 413
    assert control.get("/scenario").status_code == 200


def status(process: Process) -> int:
    body = {"model": "m", "input": ["a"]}
    return httpx.post(f"{process.base_url}/code/embed", json=body, headers=KEY).status_code


def said(process: Process) -> str:
    assert process.popen.stderr is not None
    return str(process.popen.stderr.readline())


def write(path: Path, text: str) -> None:
    """Replace a file atomically, as editors do."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


def test_an_edited_scenario_is_played_and_a_bad_edit_keeps_the_old_one(
    serve: Serve, tmp_path: Path
) -> None:
    path = tmp_path / "story.yaml"
    write(path, "steps: [{status: 500, times: forever}]")
    with serve("--scenario", str(path), "--reload", "--dimensions", "8") as process:
        assert status(process) == 500
        write(path, "steps: [{status: 503, times: forever}]")
        assert said(process) == f"relace-mock: scenario story read again from {path}\n"
        assert status(process) == 503
        write(path, "steps: [{statsu: 500}]")
        line = said(process)
        assert line.startswith(f"relace-mock: {path}:1:10: steps[0].statsu: is not a key here")
        assert line.endswith("; the last good version stays in use\n")
        assert status(process) == 503
        write(path, "steps: [{status: 400, times: forever}]")
        assert "read again" in said(process)
        assert status(process) == 400


def test_reload_adds_and_removes_scenarios_with_their_files(serve: Serve, tmp_path: Path) -> None:
    with serve("--scenarios", str(tmp_path), "--reload", "--dimensions", "8") as process:
        write(tmp_path / "late.yaml", "steps: [{status: 500}]")
        assert "scenario late read again" in said(process)
        write(tmp_path / "bad.yaml", "steps: 3")
        assert (
            said(process)
            == f"relace-mock: {tmp_path}/bad.yaml:1:8: steps: must be a list, not 3: write [{{status: 429}}]\n"
        )
        (tmp_path / "late.yaml").unlink()
        assert "scenario late is gone" in said(process)


def test_a_deleted_scenario_file_is_reported_once_and_its_last_version_stays(
    serve: Serve, tmp_path: Path
) -> None:
    path = tmp_path / "story.yaml"
    write(path, "steps: [{status: 500, times: forever}]")
    with serve("--scenario", str(path), "--reload", "--dimensions", "8") as process:
        path.unlink()
        assert said(process).endswith(
            "cannot be read: No such file or directory; the last good version stays in use\n"
        )
        assert status(process) == 500
        write(path, "steps: [{status: 503, times: forever}]")
        assert "read again" in said(process)


def test_a_file_is_read_once_when_reload_is_off(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    write(path, "steps: [{status: 500, times: forever}]")
    with serve("--scenario", str(path), "--dimensions", "8") as process:
        write(path, "steps: [{status: 503, times: forever}]")
        assert status(process) == 500


@pytest.mark.parametrize(
    "headers",
    [{"Host": "["}, {"Host": "a]b"}, {"Origin": "http://["}, {"Host": ""}, {"Origin": "null"}],
)
def test_an_unreadable_host_or_origin_is_refused_as_foreign(
    control: httpx.Client, headers: dict[str, str]
) -> None:
    assert control.get("/scenario", headers=headers).status_code == 403


@pytest.mark.parametrize("headers", [KEY, {"Authorization": ""}], ids=["a key", "the default"])
def test_a_clock_cannot_be_advanced_past_the_end_of_the_calendar(
    running: RunningServer, headers: dict[str, str]
) -> None:
    """The advance is refused, and dates in headers and journal stay valid."""
    fields = {name: value for name, value in headers.items() if value}
    with httpx.Client(base_url=f"{running.url}/_mock", headers=fields) as control:
        answers = [control.post("/clock", json={"advance": 3_153_600_000}) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [400]
        assert "more than a thousand years ahead: reset it" in answers[-1].json()["error"]
        limit = {"rate_limit": {"requests": 1, "per": "8760h", "reset": "iso"}}
        assert control.put("/scenario", json=limit).status_code == 200
        body = {"model": "m", "input": ["a"]}
        asked = httpx.post(f"{running.base_url}/code/embed", json=body, headers=KEY)
        assert asked.headers["x-ratelimit-reset"].startswith("30")
        assert control.get("/requests").status_code == 200
        control.delete("/scenario")
        control.post("/reset", json={"all": True})


@pytest.mark.parametrize(
    "spelling",
    [
        lambda time: time,  # the raw text of the time: a query reads its `+` as a blank
        lambda time: time.replace("+", "%2B").replace(":", "%3A"),
        lambda time: time.replace("+00:00", "Z"),
        lambda time: time.replace("+00:00", "z").replace("T", "t"),
        lambda time: time.replace("+00:00", "+0000"),
        lambda time: time.replace("+00:00", "+00"),
        lambda time: time.replace("+00:00", ""),
    ],
)
def test_since_accepts_a_time_as_the_journal_writes_it(
    running: RunningServer, spelling: Callable[[str], str]
) -> None:
    steering = Steering(running.url)
    for _ in range(3):
        steering.ask()
    second = steering.journal()[1]
    answer = steering.control("GET", f"requests?since={spelling(second['time'])}").json()
    assert [entry["number"] for entry in answer["requests"]] == [
        second["number"],
        second["number"] + 1,
    ]


@pytest.mark.parametrize("zone", ["+05:30", "%2B05:30", "-08:00"])
def test_since_accepts_a_time_in_another_time_zone(running: RunningServer, zone: str) -> None:
    steering = Steering(running.url)
    steering.ask()
    moment = datetime.fromisoformat(steering.journal()[0]["time"])
    offset = datetime.fromisoformat(f"2026-01-01T00:00{zone.replace('%2B', '+')}").tzinfo
    for seconds, found in ((-1, 1), (1, 0)):
        there = (moment + timedelta(seconds=seconds)).astimezone(offset)
        time = there.strftime("%Y-%m-%dT%H:%M:%S.%f") + zone
        answer = steering.control("GET", f"requests?since={time}").json()
        assert len(answer["requests"]) == found


@pytest.mark.parametrize("value", ["yesterday", "12:00 00:00", "2026-11-25T04:00:00 0", "T 00"])
def test_since_refuses_a_value_that_is_not_a_time(running: RunningServer, value: str) -> None:
    answer = Steering(running.url).control("GET", f"requests?since={value}")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("since must be seconds since 1970, or a time such as ")


@pytest.mark.parametrize("site", ["cross-site", "Cross-Site"])
def test_a_request_that_a_browser_calls_cross_site_cannot_steer(
    control: httpx.Client, site: str
) -> None:
    answer = control.post("/reset", headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 403


@pytest.mark.parametrize("site", ["same-origin", "same-site", "none"])
def test_same_site_requests_of_a_browser_may_steer(control: httpx.Client, site: str) -> None:
    assert control.get("/requests", headers={"Sec-Fetch-Site": site}).status_code == 200


def test_the_installed_scenarios_have_a_largest_size_in_all(
    running: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "KEPT_LIMIT", 3_000)
    scenario = {"description": "x" * 1_000, "steps": [{"status": 500}]}
    for key in ("rlc-one", "rlc-two"):
        running.control(key).play(scenario)
    with pytest.raises(relace_mock.ServerError, match="more than 3000 bytes in all: remove some"):
        running.control("rlc-three").play(scenario)
    running.control("rlc-one").forget()
    running.control("rlc-three").play(scenario)
    running.control("rlc-four").play("server-error")  # bundled, so it does not count
    for key in ("rlc-two", "rlc-three", "rlc-four"):
        running.control(key).forget()
