"""The pytest plugin, as a user's test suite sees it."""

from __future__ import annotations

import pytest

import relace_mock

ASK = """
import httpx
import pytest

def ask(mock, text="a"):
    return httpx.post(
        f"{mock.base_url}/code/embed",
        json={"model": "m", "input": [text]},
        headers={"Authorization": f"Bearer {mock.api_key}"},
    ).status_code
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest("")
    return pytester


def outcomes(pytester: pytest.Pytester, code: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(ASK + code)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)


def test_a_test_plays_a_scenario_by_name_by_dict_and_by_file(run: pytest.Pytester) -> None:
    run.makefile(".yaml", story="steps: [{status: 401}]")
    outcomes(
        run,
        """
def test_name(relace_mock):
    relace_mock.play("server-error-once")
    assert [ask(relace_mock), ask(relace_mock)] == [500, 200]
    assert [request.status for request in relace_mock.requests] == [500, 200]

def test_dict(relace_mock):
    relace_mock.play({"steps": [{"status": 429}]})
    assert [ask(relace_mock), ask(relace_mock)] == [429, 200]

def test_file(relace_mock):
    relace_mock.play("story.yaml")
    assert ask(relace_mock) == 401

@pytest.mark.relace_scenario("bad-request")
def test_marker(relace_mock):
    assert ask(relace_mock) == 400

def test_nothing(relace_mock):
    assert ask(relace_mock) == 200
    assert relace_mock.requests[0].json()["input"] == ["a"]
""",
    ).assert_outcomes(passed=5)


def test_a_bad_file_fails_the_test_with_its_line(run: pytest.Pytester) -> None:
    run.makefile(".yaml", story="steps:\n  - statsu: 401")
    result = outcomes(run, "def test_it(relace_mock):\n    relace_mock.play('story.yaml')\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*story.yaml:2:5: steps*statsu: is not a key here; did you mean status?*"]
    )


def test_relace_env_points_the_official_sdk_at_the_mock(run: pytest.Pytester) -> None:
    outcomes(
        run,
        """
from relace import Relace

def test_sdk(relace_env):
    answer = Relace().post("/code/embed", body={"model": "m", "input": ["a"]}, cast_to=object)
    assert len(answer["results"]) == 1
    assert relace_env.requests[-1].status == 200
""",
    ).assert_outcomes(passed=1)


QUOTA = """
@pytest.mark.relace_scenario("rate-limit-free-tier")
def test_quota(relace_mock):
    assert [ask(relace_mock) for _ in range(4)] == [200, 200, 200, 429]
    relace_mock.advance(60)
    assert ask(relace_mock) == 200
"""


def test_a_test_moves_its_own_clock_instead_of_waiting(run: pytest.Pytester) -> None:
    outcomes(run, QUOTA).assert_outcomes(passed=1)


def test_a_running_server_is_used_again_from_the_beginning(run: pytest.Pytester) -> None:
    with relace_mock.running(dimensions=8) as server:
        for _ in range(2):
            outcomes(run, QUOTA, "--relace-mock-url", server.url).assert_outcomes(passed=1)


STRICT = """
@pytest.mark.relace_scenario("rate-limited-twice")
def test_unused(relace_mock):
    ask(relace_mock)

@pytest.mark.relace_scenario("rate-limited-twice")
def test_used(relace_mock):
    [ask(relace_mock) for _ in range(3)]

@pytest.mark.relace_scenario("shuffled-results")
def test_not_applicable(relace_mock):
    ask(relace_mock)
"""


def test_strict_fails_tests_whose_story_was_not_played(run: pytest.Pytester) -> None:
    outcomes(run, STRICT).assert_outcomes(passed=3)
    strict = outcomes(run, STRICT, "--relace-mock-strict")
    strict.assert_outcomes(passed=3, errors=2)
    strict.stdout.fnmatch_lines(
        [
            "*a step was not used: rule 0, step 0: answered 1 of 2 times*",
            "*a mutation could not be applied to request #5*",
        ]
    )
    run.makeini("[pytest]\nrelace_mock_strict = true")
    outcomes(run, STRICT).assert_outcomes(passed=3, errors=2)


def test_a_failing_test_shows_its_journal_and_no_key(run: pytest.Pytester) -> None:
    result = outcomes(
        run,
        """
@pytest.mark.relace_scenario("connection-reset")
def test_it(relace_mock):
    with pytest.raises(httpx.ReadError):
        ask(relace_mock)
    assert ask(relace_mock) == 500

def test_silent(relace_mock):
    assert False
""",
        "--no-showlocals",
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*relace-mock journal*",
            "* POST /v1/code/embed attempt 1 → no answer, faulted by connection-reset (reset)",
            "* POST /v1/code/embed attempt 2 → 200, answered",
            "*relace-mock journal*",
            "no request arrived",
        ]
    )
    result.stdout.no_fnmatch_line("*rlc-*")


def test_two_hundred_tests_in_parallel_on_one_server_do_not_meet(run: pytest.Pytester) -> None:
    """Each plays a story of its own, and sees exactly that."""
    with relace_mock.running(dimensions=8) as server:
        result = outcomes(
            run,
            """
@pytest.mark.parametrize("number", range(200))
def test_story(relace_mock, number):
    statuses = [400 + (number * step) % 99 for step in range(1, 4)]
    relace_mock.play({"steps": [{"status": status} for status in statuses]})
    assert [ask(relace_mock, "the same") for _ in range(4)] == [*statuses, 200]
    assert [request.attempt for request in relace_mock.requests] == [1, 2, 3, 4]
""",
            "--relace-mock-url",
            server.base_url,
            "-n",
            "4",
        )
    result.assert_outcomes(passed=200)
