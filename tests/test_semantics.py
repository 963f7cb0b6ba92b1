"""The rules of playing: which scenario answers, what an attempt is, how a quota counts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

import relace_mock
from relace_mock import RunningServer
from relace_mock.scenario.model import read
from relace_mock.settings import ResetForm
from relace_mock.state import quota
from relace_mock.state.quota import Limit, Spent
from tests.steering import Steering

THREE = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with relace_mock.running(dimensions=8, scenario="unauthorized-once") as server:
        yield server


@pytest.fixture
def steering(server: RunningServer) -> Steering:
    return Steering(server.url)


def named(server: RunningServer, name: str) -> Steering:
    """A key whose name chooses its scenario."""
    return Steering(server.url, f"mock.{name}.{Steering(server.url).key}")


def test_the_default_of_the_server_is_played_when_nothing_else_is_chosen(
    steering: Steering,
) -> None:
    assert [steering.ask().status_code for _ in range(2)] == [401, 200]
    assert steering.last()["chosen_by"] == "default"


def test_header_beats_prefer_beats_key_beats_installed_beats_default(server: RunningServer) -> None:
    """``chosen_by`` in the journal says which of them won."""
    key = named(server, "bad-gateway")
    both = {"X-Mock-Scenario": "server-error", "Prefer": "code=429"}
    assert key.ask(headers=both).status_code == 500
    assert key.last()["chosen_by"] == "header"
    assert key.ask(headers={"Prefer": "code=429"}).status_code == 429
    assert key.last()["chosen_by"] == "prefer"
    assert key.ask().status_code == 502
    assert key.last()["chosen_by"] == "key"
    installed = Steering(server.url)
    installed.play({"status": 503})
    assert installed.ask(headers={"X-Mock-Scenario": "server-error"}).status_code == 500
    assert installed.ask(headers={"Prefer": "code=429"}).status_code == 429
    assert installed.ask().status_code == 503
    assert installed.last()["chosen_by"] == "installed"


def test_a_position_is_kept_for_each_key_and_scenario(server: RunningServer) -> None:
    """This holds for scenarios chosen by header and by default."""
    twice = {"X-Mock-Scenario": "rate-limited-twice"}
    one, other = Steering(server.url), Steering(server.url)
    assert [one.ask(headers=twice).status_code for _ in range(3)] == [429, 429, 200]
    assert one.ask().status_code == 401, "the position in the default has not moved"
    assert [other.ask(headers=twice).status_code for _ in range(2)] == [429, 429]
    assert one.ask(headers=twice).status_code == 200


def test_a_new_default_does_not_rewind_a_key_that_names_its_scenario() -> None:
    with relace_mock.running(dimensions=8) as server:
        key = named(server, "rate-limited-twice")
        assert fates(key, None, 2) == [429, 429]
        httpx.put(f"{server.url}/_mock/scenario", json={"name": "ok"}).raise_for_status()
        assert key.ask().status_code == 200


@pytest.mark.parametrize("name", ["no-such", "", "../ok", "OK"])
def test_an_unknown_scenario_gets_400_with_a_list_of_the_known_ones(
    steering: Steering, name: str
) -> None:
    response = steering.ask(headers={"X-Mock-Scenario": name, "Prefer": "code=500"})
    assert response.status_code == 400
    assert f"there is no scenario {name!r}" in response.json()["error"]
    assert "rate-limited-twice" in response.json()["error"]


def test_a_long_unknown_name_is_not_repeated_in_full(steering: Steering) -> None:
    response = steering.ask(headers={"X-Mock-Scenario": "x" * 20_000})
    assert response.status_code == 400
    assert len(response.json()["error"]) < 1000


def test_a_key_that_names_an_unknown_scenario_gets_400(server: RunningServer) -> None:
    response = named(server, "no-such").ask()
    assert (response.status_code, "no-such" in response.json()["error"]) == (400, True)


def test_a_bad_key_is_reported_before_an_unknown_scenario() -> None:
    with relace_mock.running(dimensions=8, api_keys=("rlc-known",)) as server:
        steering = Steering(server.url)
        wish = {"X-Mock-Scenario": "no-such"}
        assert steering.ask(headers=wish).status_code == 404
        assert steering.ask(headers=wish | {"Authorization": "Basic x"}).status_code == 401
        known = Steering(server.url, "rlc-known")
        assert known.ask({"model": "m"}, headers=wish).status_code == 400
        assert "no-such" in known.ask({"model": "m"}, headers=wish).json()["error"]
        assert named(server, "server-error").ask().status_code == 500, (
            "a key that names its scenario is accepted"
        )


def test_installing_a_scenario_for_a_key_that_names_its_own_gets_409(server: RunningServer) -> None:
    key = named(server, "ok")
    response = key.control("PUT", "scenario", json={"name": "server-error"})
    assert response.status_code == 409
    assert key.ask().status_code == 200


@pytest.mark.parametrize(
    "prefer", ["code=503", "code=299", "code=abc", "status=429", "respond-async"]
)
def test_prefer_with_an_undocumented_value_is_ignored(steering: Steering, prefer: str) -> None:
    steering.play({"normal": True, "times": "forever"})
    assert steering.ask(headers={"Prefer": prefer}).status_code == 200


@pytest.mark.parametrize("status", [200, 429, 500])
def test_prefer_costs_no_quota_and_is_answered_when_none_is_left(status: int) -> None:
    """``Prefer`` is stateless (semantics 7)."""
    with relace_mock.running(dimensions=8, rate_limit="1/1h") as server:
        steering = Steering(server.url)
        wish = {"Prefer": f"code={status}"}
        assert [steering.ask(headers=wish).status_code for _ in range(2)] == [status] * 2
        assert [steering.ask().status_code for _ in range(2)] == [200, 429]
        assert steering.ask(headers=wish).status_code == status


@pytest.mark.parametrize("prefer", ["code=500", 'CODE = "500"; x=y', "wait=1, code=500"])
def test_prefer_is_accepted_in_every_spelling_of_its_rfc(steering: Steering, prefer: str) -> None:
    response = steering.ask(headers={"Prefer": prefer})
    assert (response.status_code, response.json()) == (
        500,
        {"error": "Error fetching from origin server"},
    )


def test_prefer_changes_no_state_and_comes_after_validation(steering: Steering) -> None:
    steering.play({"status": 503})
    assert steering.ask({"model": "m"}, headers={"Prefer": "code=429"}).status_code == 400
    assert steering.ask(headers={"Prefer": "code=200"}).status_code == 200, (
        "Prefer bypasses the script"
    )
    assert steering.ask().status_code == 503, "the step of the script was not used up"


def test_prefer_counts_no_attempt(steering: Steering) -> None:
    rule = {"when": {"attempt": 1}, "steps": [{"status": 503, "times": 9}]}
    steering.play({"rules": [rule]})
    for _ in range(2):
        assert steering.ask(headers={"Prefer": "code=429"}).status_code == 429
    assert fates(steering, None, 2) == [503, 200]


def test_a_scripted_status_has_exactly_the_documented_message(steering: Steering) -> None:
    for status, message in (
        (400, "Invalid JSON in request body"),
        (401, "Authorized header required"),
        (429, "Rate limit exceeded"),
        (500, "Error fetching from origin server"),
    ):
        steering.play({"status": status})
        assert steering.ask().json() == {"error": message}


def fates(steering: Steering, body: Any, count: int) -> list[int]:
    return [steering.ask(body).status_code for _ in range(count)]


def test_chance_depends_only_on_the_body_and_how_often_it_came(server: RunningServer) -> None:
    """The key, requests in between, and earlier successes do not matter."""
    scenario = {"rules": [{"when": {}, "chance": 0.5, "steps": [{"status": 500}], "repeat": True}]}
    bodies = [{"model": "m", "input": [text]} for text in ("a", "b")]
    one, other = Steering(server.url), Steering(server.url)
    one.play(scenario)
    apart = [fates(one, body, 24) for body in bodies]
    other.play(scenario)
    mixed = [[other.ask(body).status_code for body in bodies] for _ in range(24)]
    assert apart == [list(column) for column in zip(*mixed, strict=True)]
    assert apart[0] != apart[1]
    assert all(5 < column.count(500) < 19 for column in apart)
    assert len({tuple(column[n : n + 4]) for column in apart for n in range(20)}) > 8, (
        "the results repeat in no cycle"
    )
    one.control("POST", "reset")
    assert fates(one, bodies[0], 24) == apart[0], "a reset restarts the count"
    other.play(scenario | {"seed": 1})
    assert fates(other, bodies[0], 24) != apart[0]


def test_the_seed_of_the_server_changes_chance() -> None:
    scenario = {"rules": [{"when": {}, "chance": 0.5, "steps": [{"status": 500}], "repeat": True}]}
    seen = []
    for seed in (0, 1, 0):
        with relace_mock.running(dimensions=8, scenario_seed=seed) as server:
            steering = Steering(server.url)
            steering.play(scenario)
            seen.append(fates(steering, None, 24))
    assert seen[0] == seen[2] != seen[1]


def test_a_rule_with_chance_plays_its_steps_for_each_body_separately(steering: Steering) -> None:
    """Each body starts at the first step, and a success does not start it again."""
    rule = {"when": {}, "chance": 1, "repeat": True, "steps": [{"normal": True}, {"status": 500}]}
    steering.play({"rules": [rule]})
    for text in ("a", "b"):
        assert fates(steering, {"model": "m", "input": [text]}, 4) == [200, 500, 200, 500]


def test_a_request_that_misses_the_chance_of_a_rule_goes_on_to_the_next_rule(
    steering: Steering,
) -> None:
    rules = [
        {"when": {}, "chance": 0.5, "steps": [{"status": 500}], "repeat": True},
        {"when": {}, "steps": [{"status": 503, "times": "forever"}]},
    ]
    steering.play({"rules": rules})
    assert set(fates(steering, None, 24)) == {500, 503}


def test_a_rule_whose_steps_are_used_up_still_matches(steering: Steering) -> None:
    rules = [
        {"when": {"model": "m"}, "steps": [{"status": 500}]},
        {"when": {}, "steps": [{"status": 503, "times": "forever"}]},
    ]
    steering.play({"rules": rules})
    assert fates(steering, {"model": "m", "input": ["a"]}, 3) == [500, 200, 200]
    assert fates(steering, {"model": "n", "input": ["a"]}, 2) == [503, 503]


def test_attempts_of_a_body_are_counted_until_it_succeeds(steering: Steering) -> None:
    steering.play({"status": 500, "times": 2}, {"normal": True, "times": "forever"})
    a, b = ({"model": "m", "input": [text]} for text in "ab")
    for body in (a, a, b, a, a, b):
        steering.ask(body)
    assert [entry["attempt"] for entry in steering.journal()] == [1, 2, 1, 3, 1, 1]


def test_new_call_restarts_the_attempts(steering: Steering) -> None:
    steering.play(
        {"rules": [{"when": {"attempt": 1}, "steps": [{"status": 500, "times": "forever"}]}]}
    )
    assert fates(steering, None, 3) == [500, 200, 500]
    steering.play({"status": 500, "times": "forever"})
    steering.ask()
    steering.control("POST", "new-call")
    steering.ask()
    assert steering.last()["attempt"] == 1


@pytest.mark.parametrize("step", [{"fault": "truncate"}, {"fault": "reset_mid_body"}])
def test_a_200_that_breaks_off_is_not_counted_as_a_success(steering: Steering, step: Any) -> None:
    steering.play(step)
    with pytest.raises(Exception, match=r"peer closed|reset"):
        steering.ask()
    steering.last()
    steering.ask()
    assert steering.last()["attempt"] == 2


def test_installing_again_resets_position_attempts_and_quota_and_keeps_the_journal(
    steering: Steering,
) -> None:
    scenario = {"rate_limit": {"requests": 2, "per": "1h"}, "steps": [{"status": 500}]}
    steering.play(scenario)
    assert fates(steering, None, 3) == [500, 200, 429]
    steering.control("POST", "clock", json={"advance": 1000})
    steering.play(scenario)
    assert fates(steering, None, 3) == [500, 200, 429]
    entries = steering.journal()
    assert [entry["attempt"] for entry in entries] == [1, 2, 1, 1, 2, 1]
    times = [datetime.fromisoformat(entry["time"]) for entry in entries]
    assert (times[3] - times[2]).total_seconds() >= 1000, "the clock stays advanced"


def test_reset_rewinds_the_scenario_and_keeps_it_installed(steering: Steering) -> None:
    steering.play({"status": 500})
    steering.control("POST", "clock", json={"advance": 5000})
    assert fates(steering, None, 2) == [500, 200]
    steering.control("POST", "reset")
    assert steering.journal() == []
    assert fates(steering, None, 2) == [500, 200]
    now = datetime.fromisoformat(steering.journal()[0]["time"])
    assert abs((now - datetime.now(UTC)).total_seconds()) < 1000, "reset restores the real time"


def test_delete_restores_the_default(steering: Steering) -> None:
    steering.play({"status": 503, "times": "forever"})
    assert steering.ask().status_code == 503
    shown = steering.control("DELETE", "scenario").json()
    assert (shown["chosen_by"], shown["name"]) == ("default", "unauthorized-once")
    assert steering.ask().status_code == 401


# Quotas

LIMIT = Limit(2, 60.0)


def test_the_window_opens_at_the_first_request_that_counts() -> None:
    spent, state = quota.charge(None, LIMIT, 1000.0, 0)
    assert (spent, state.remaining) == (None, 2)
    spent, state = quota.charge(spent, LIMIT, 1030.0, 1)
    assert (spent, state.remaining, state.ends) == (Spent(1030.0, 1090.0, 1), 1, 1090.0)


@pytest.mark.parametrize(("now", "exceeded"), [(1059.999, True), (1060.0, False), (1061.0, False)])
def test_the_window_ends_exactly_when_its_time_is_over(now: float, exceeded: bool) -> None:
    _, state = quota.charge(Spent(1000.0, 1060.0, 2), LIMIT, now, 1)
    assert state.exceeded is exceeded


def test_a_clock_that_is_set_back_opens_a_new_window() -> None:
    spent, state = quota.charge(Spent(3600.0, 3660.0, 1), Limit(1, 60), 0.0, 1)
    assert not state.exceeded
    assert spent == Spent(0.0, 60.0, 1)


def test_a_refusal_costs_nothing_even_if_the_quota_became_smaller_than_what_was_spent() -> None:
    """A new scenario can have a smaller quota than the one before it."""
    _, state = quota.charge(Spent(0, 60, 5), Limit(3, 60), 1, 0)
    assert not state.exceeded
    _, state = quota.charge(Spent(0, 60, 5), Limit(3, 60), 1, 1)
    assert state.exceeded


def test_a_request_over_the_quota_does_not_extend_the_window() -> None:
    spent, _ = quota.charge(Spent(1000.0, 1060.0, 2), LIMIT, 1030.0, 1)
    assert spent == Spent(1000.0, 1060.0, 2)


def play_quota(steering: Steering, **limit: Any) -> None:
    steering.play({"rate_limit": {"requests": 2, "per": "60s"} | limit})


def test_every_answer_under_a_quota_has_the_quota_headers(steering: Steering) -> None:
    play_quota(steering)
    remaining = []
    for body in (None, {"model": "m"}, None, None):
        response = steering.ask(body)
        assert response.headers["x-ratelimit-limit"] == "2"
        remaining.append((response.status_code, response.headers["x-ratelimit-remaining"]))
        assert "retry-after" not in response.headers
    assert remaining == [(200, "1"), (400, "1"), (200, "0"), (429, "0")]
    assert response.json()["error"].startswith("Rate limit exceeded: 2 requests in 60 seconds")
    assert steering.last()["outcome"] == "refused"


def test_a_400_for_an_unknown_scenario_has_the_quota_headers() -> None:
    with relace_mock.running(dimensions=8, rate_limit="3/60s") as server:
        answer = Steering(server.url).ask(headers={"X-Mock-Scenario": "none"})
    assert answer.status_code == 400
    assert answer.headers["x-ratelimit-remaining"] == "3"


def test_a_scripted_answer_costs_as_much_quota_as_a_normal_one(steering: Steering) -> None:
    steering.play({"rate_limit": {"requests": 2, "per": "60s"}, "steps": [{"status": 500}]})
    assert fates(steering, None, 3) == [500, 200, 429]


def test_a_rule_may_replace_the_429_of_a_quota(steering: Steering) -> None:
    rules = [{"when": {"would_be": 429}, "steps": [{"status": 503}]}]
    steering.play({"rate_limit": {"requests": 1, "per": "60s"}, "rules": rules})
    assert fates(steering, None, 3) == [200, 503, 429]


def test_an_advanced_clock_opens_a_new_window(steering: Steering) -> None:
    play_quota(steering)
    assert fates(steering, None, 3) == [200, 200, 429]
    steering.control("POST", "clock", json={"advance": 61})
    assert fates(steering, None, 1) == [200]


def test_each_key_has_its_own_clock_and_quota(server: RunningServer) -> None:
    one, other = Steering(server.url), Steering(server.url)
    for steering in (one, other):
        play_quota(steering)
        assert fates(steering, None, 3) == [200, 200, 429]
    one.control("POST", "clock", json={"advance": 61})
    assert (one.ask().status_code, other.ask().status_code) == (200, 429)


def test_retry_after_is_the_time_until_the_quota_refills(steering: Steering) -> None:
    """It is rounded up to whole seconds, so that a client that waits so long is served."""
    play_quota(steering, retry_after=True)
    first = steering.ask()
    assert "retry-after" not in first.headers
    steering.ask()
    refused = steering.ask()
    wait = int(refused.headers["retry-after"])
    assert 1 <= wait <= 60
    steering.control("POST", "clock", json={"advance": wait})
    assert steering.ask().status_code == 200


def test_retry_after_shrinks_as_time_passes(steering: Steering) -> None:
    play_quota(steering, retry_after=True, reset="seconds")
    fates(steering, None, 3)
    steering.control("POST", "clock", json={"advance": 40})
    refused = steering.ask()
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert refused.headers["x-ratelimit-reset"] == refused.headers["retry-after"]


@pytest.mark.parametrize(
    ("form", "pattern"),
    [("epoch", r"\d{10}"), ("iso", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), ("seconds", r"\d\d?")],
)
def test_the_reset_header_has_the_chosen_form(steering: Steering, form: str, pattern: str) -> None:
    play_quota(steering, reset=form)
    assert re.fullmatch(pattern, steering.ask().headers["x-ratelimit-reset"])
    limit = Limit(1, 60.0, reset=form)  # type: ignore[arg-type]
    _, state = quota.charge(Spent(1_767_225_600.5, 1_767_225_660.5, 1), limit, 1_767_225_630.0, 1)
    written = dict(quota.headers(state, 1_767_225_630.0))[b"x-ratelimit-reset"]
    assert written in (b"1767225661", b"2026-01-01T00:01:01Z", b"31"), "rounded up"


@pytest.mark.parametrize("form", ["epoch", "iso", "seconds"])
def test_a_scripted_429_without_a_quota_has_the_three_quota_headers(form: ResetForm) -> None:
    with relace_mock.running(dimensions=8, rate_limit_reset=form) as server:
        steering = Steering(server.url)
        steering.play({"status": 429}, {"status": 429, "headers": {"Retry-After": "7"}})
        first, second = steering.ask(), steering.ask()
        preferred = steering.ask(headers={"Prefer": "code=429"})
        after = steering.ask()
    for response in (first, second, preferred):
        assert response.status_code == 429
        assert all(name in response.headers for name in THREE)
        assert response.headers["x-ratelimit-remaining"] == "0"
    assert "retry-after" not in first.headers
    assert second.headers["retry-after"] == "7"
    assert not any(name in after.headers for name in THREE), "no quota is on"


def test_a_step_may_remove_or_replace_a_header(steering: Steering) -> None:
    fields = {"X-RateLimit-Limit": None, "x-ratelimit-remaining": "many", "Content-Type": None}
    steering.play({"status": 429, "headers": fields})
    headers = steering.ask().headers
    assert "x-ratelimit-limit" not in headers
    assert headers.get_list("x-ratelimit-remaining") == ["many"]
    assert "x-ratelimit-reset" in headers
    assert "content-type" not in headers


def test_the_quota_of_a_scenario_replaces_that_of_the_server() -> None:
    with relace_mock.running(dimensions=8, rate_limit="1/60s") as server:
        steering = Steering(server.url)
        assert fates(steering, None, 2) == [200, 429]
        play_quota(steering)
        assert fates(steering, None, 3) == [200, 200, 429]
        chosen = Steering(server.url)
        free = {"X-Mock-Scenario": "rate-limit-free-tier"}
        assert [chosen.ask(headers=free).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_two_names_for_the_same_text_are_two_scenarios() -> None:
    """A position belongs to a name, not to a text."""
    text = json.dumps({"steps": [{"status": 500}]}).encode()
    one, other = (read(text, "story.json", name) for name in ("one", "other"))
    assert one.digest != other.digest
