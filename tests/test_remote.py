"""Steering the mock from plain Python, over a socket and in process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import relace_mock
from relace_mock import RemoteControl, ServerError, SettingsError


@pytest.fixture(params=["socket", "in process"])
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client whose ``control`` steers what it gets."""
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


def test_a_story_is_played_until_it_is_stopped(
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


def test_unused_steps_are_told(client: httpx.Client, control: RemoteControl) -> None:
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


def test_a_mock_that_does_not_answer_is_named() -> None:
    with relace_mock.running(dimensions=8) as server:
        control = server.control("k")
    with pytest.raises(ServerError, match=f"no mock answers at {server.url}"):
        control.play("ok")
