"""The pytest plugin, as a user's test suite sees it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

import relace_mock
from tests.conftest import QUICKLY

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
    """Run a session in this process, which saves loading pytest and the plugins again."""
    pytester.makepyfile(ASK + code)
    return pytester.runpytest_inprocess(*QUICKLY, *options)


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
    """Each test plays its own scenario, and sees exactly that."""
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


SKIPS = """
pytestmark = pytest.mark.relace_scenario("rate-limited-twice")

def test_skip(relace_mock):
    pytest.skip("not here")

@pytest.mark.xfail(strict=True)
def test_xfail(relace_mock):
    assert ask(relace_mock) == 200

@pytest.mark.xfail(strict=False)
def test_xpass(relace_mock):
    assert ask(relace_mock) == 429

@pytest.mark.skipif(True, reason="never")
def test_never(relace_mock): pass

def test_fails(relace_mock):
    assert ask(relace_mock) == 200
"""


def test_strict_judges_only_tests_that_passed(run: pytest.Pytester) -> None:
    outcomes(run, SKIPS, "--relace-mock-strict").assert_outcomes(
        skipped=2, xfailed=1, xpassed=1, failed=1
    )


SUBTESTS = """
import unittest

pytestmark = pytest.mark.relace_scenario("rate-limited-twice")

def test_fails(relace_mock, subtests):
    with subtests.test("first"):
        assert 0
    with subtests.test("second"):
        pass

def test_skips(relace_mock, subtests):
    with subtests.test("first"):
        pytest.skip("not here")

def test_passes(relace_mock, subtests):
    with subtests.test("first"):
        pass

class TestOfUnittest(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def mock(self, relace_mock): pass

    def test_fails(self):
        with self.subTest("first"):
            self.fail()

    def test_skips(self):
        with self.subTest("first"):
            self.skipTest("not here")

    def test_passes(self):
        with self.subTest("first"):
            pass
"""


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="pytest has subtests from 9.0 on")
def test_strict_does_not_judge_a_test_with_a_failed_or_skipped_subtest(
    run: pytest.Pytester,
) -> None:
    result = outcomes(run, SUBTESTS, "--relace-mock-strict")
    assert result.parseoutcomes()["errors"] == 2
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_passes*", "*ERROR at teardown of TestOfUnittest.test_passes*"]
    )


def test_strict_judges_each_run_of_a_test_that_runs_again(run: pytest.Pytester) -> None:
    """The first run plays the story and fails; the second passes and plays nothing."""
    result = outcomes(
        run,
        """
runs = []

@pytest.mark.relace_scenario("rate-limited-twice")
def test_again(relace_mock):
    runs.append(1)
    if len(runs) == 1:
        assert [ask(relace_mock) for _ in range(3)] == [429, 429, 200]
    assert len(runs) > 1

@pytest.mark.relace_scenario("rate-limited-twice")
def test_last(relace_mock):
    ask(relace_mock)
""",
        "--relace-mock-strict",
        "--reruns",
        "1",
        "-p",
        "rerunfailures",
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_again*",
            "*a step was not used: rule 0, step 0: answered 0 of 2 times*",
            "no request arrived",
            "*ERROR at teardown of test_last*",
            "*a step was not used: rule 0, step 0: answered 1 of 2 times*",
            "#* POST /v1/code/embed attempt 1 → 429, answered by rate-limited-twice",
        ]
    )


def test_the_journal_is_shown_whatever_fails_last(run: pytest.Pytester) -> None:
    """Also in the last test of a session, and when the mock of the test is gone already."""
    result = outcomes(
        run,
        """
@pytest.fixture
def late():
    yield
    raise ValueError("at the very end")

def test_it(late, relace_mock):
    ask(relace_mock)
""",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*relace-mock journal*", "#1 * POST /v1/code/embed attempt 1 → 200, answered"]
    )
    result.stdout.no_fnmatch_line("*no mock answers*")


def test_a_false_verdict_fails_and_names_requests_of_the_journal_below(
    run: pytest.Pytester,
) -> None:
    result = outcomes(
        run,
        """
def test_another(relace_mock):
    ask(relace_mock)
    assert relace_mock.verdict()

@pytest.mark.relace_scenario("unauthorized")
def test_it(relace_mock):
    [ask(relace_mock) for _ in range(2)]
    assert relace_mock.verdict()
""",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*assert <Verdict NOT ok, 2 requests: retried_non_retryable: a request that got 401 *(request 2, 3)*",
            "#2 * → 401*",
            "#3 * → 401*",
        ]
    )


def test_two_sessions_on_one_server_do_not_rewind_each_other(run: pytest.Pytester) -> None:
    """One session waits in the middle of a test while the other runs the same test."""
    code = """
import os, subprocess, sys

@pytest.mark.relace_scenario("rate-limited-twice")
def test_story(relace_mock, request):
    url = request.config.getoption("relace_mock_url")
    assert ask(relace_mock) == 429
    if not os.environ.get("INNER"):
        command = [sys.executable, "-m", "pytest", "-p", "no:schemathesis", "--relace-mock-url", url]
        done = subprocess.run([*command, __file__], env=os.environ | {"INNER": "1"})
        assert done.returncode == 0
    assert [ask(relace_mock), ask(relace_mock)] == [429, 200]
    assert [request.attempt for request in relace_mock.requests] == [1, 2, 3]
"""
    with relace_mock.running(dimensions=8) as server:
        result = outcomes(run, code, "--relace-mock-url", server.url)
        result.assert_outcomes(passed=1)


def test_chance_decides_the_same_in_every_session(run: pytest.Pytester) -> None:
    code = """
def test_chance(relace_mock):
    relace_mock.play({"rules": [{"when": {}, "chance": 0.5, "steps": [{"status": 500}]}]})
    print("drawn:", [ask(relace_mock, str(number)) for number in range(24)])
"""
    run.makepyfile(ASK + code)
    sessions = [run.runpytest_subprocess(*QUICKLY, "-s") for _ in range(2)]
    drawn = {line for session in sessions for line in session.outlines if "drawn:" in line}
    assert len(drawn) == 1 and "500" in str(drawn) and "200" in str(drawn)


def test_the_server_keeps_nothing_of_a_test_that_is_over(run: pytest.Pytester) -> None:
    code = """
@pytest.fixture(scope="session")
def wide(relace_mock_server):
    return relace_mock_server.mock("wide")

@pytest.mark.parametrize("number", range(5))
def test_it(relace_mock, wide, number):
    assert [ask(relace_mock), ask(wide)] == [200, 200]
    relace_mock.play("hang")
    relace_mock.advance(60)
"""
    with relace_mock.running(dimensions=8) as server:
        outcomes(run, code, "--relace-mock-url", server.url).assert_outcomes(passed=5)
        health = httpx.get(f"{server.url}/_mock/health").json()
    assert health["namespaces"] == {"kept": 0, "evicted": 0}
    assert health["journal"]["entries"] == 0


def test_further_mocks_are_for_wider_fixtures_examples_and_second_clients(
    run: pytest.Pytester,
) -> None:
    outcomes(
        run,
        """
from hypothesis import given, settings, strategies

@pytest.fixture(scope="module")
def wide(relace_mock_server):
    mock = relace_mock_server.mock("wide")
    mock.play({"steps": [{"status": 500}, {"status": 429}]})
    return mock

def test_first(wide):
    assert ask(wide) == 500

def test_second(wide, relace_mock):
    assert [ask(wide), ask(relace_mock)] == [429, 200]

def test_same_name_same_mock(relace_mock_server, wide):
    assert relace_mock_server.mock("wide") is wide
    assert ask(wide) == 200

@settings(max_examples=5, deadline=None)
@given(text=strategies.text())
def test_examples(relace_mock_server, text):
    mock = relace_mock_server.mock("examples")
    mock.reset()
    assert ask(mock, text) in (200, 400)
    assert len(mock.requests) == 1

def test_two_clients(relace_mock_server):
    one, other = relace_mock_server.mock("one"), relace_mock_server.mock("other")
    one.play("unauthorized")
    assert [ask(one), ask(other)] == [401, 200]
    assert len({one.api_key, other.api_key}) == 2
    assert relace_mock_server.url + "/v1" == relace_mock_server.base_url == one.base_url
    for each in (one, relace_mock_server):
        assert one.api_key not in repr(each)

def test_a_mock_without_a_name(relace_mock_server):
    with pytest.raises(TypeError, match="the name of a mock must be a string"):
        relace_mock_server.mock(3)
""",
    ).assert_outcomes(passed=6)


def test_a_file_is_found_beside_the_test_then_below_the_root_then_where_one_is(
    run: pytest.Pytester,
) -> None:
    for folder, status in (("tests", 401), (".", 402), ("stories", 403), ("elsewhere", 418)):
        run.path.joinpath(folder).mkdir(exist_ok=True)
        run.path.joinpath(folder, f"only{status}.yaml").write_text(f"steps: [{{status: {status}}}]")
        run.path.joinpath(folder, "story.yaml").write_text(f"steps: [{{status: {status}}}]")
    run.makeini("[pytest]")
    run.path.joinpath("tests/test_it.py").write_text(
        ASK
        + """
from pathlib import Path

@pytest.mark.parametrize(("file", "status"), [
    ("story.yaml", 401), ("only402.yaml", 402), ("stories/story.yaml", 403),
    (Path("story.yaml"), 401), ("only418.yaml", 418), ("steps: [{status: 410}]", 410),
    ("{steps: [{status: 410}]}", 410), ('{"steps": [{"status": 410}]}', 410),
    ("# a comment\\nsteps:\\n- status: 410\\n", 410),
])
def test_file(relace_mock, monkeypatch, request, file, status):
    monkeypatch.chdir(request.config.rootpath / "elsewhere")
    relace_mock.play(file)
    assert ask(relace_mock) == status

def test_none(relace_mock):
    with pytest.raises(ValueError) as caught:
        relace_mock.play("none.yaml")
    assert str(Path(__file__).parent) in str(caught.value)
"""
    )
    result = run.runpytest_inprocess(*QUICKLY)
    result.assert_outcomes(passed=10)


def test_relace_env_spares_the_mock_from_proxies(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps the earlier exceptions of ``no_proxy``, in both spellings."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    code = """
import os

def test_it(relace_env):
    print("is:", os.environ["NO_PROXY"], os.environ["no_proxy"])
    assert ask(relace_env) == 200
"""
    for before, after in (
        ({}, "127.0.0.1 127.0.0.1"),
        ({"NO_PROXY": "corp.example, other"}, "corp.example,other,127.0.0.1 " * 2),
        ({"no_proxy": "low"}, "low,127.0.0.1 low,127.0.0.1"),
        ({"no_proxy": "low", "NO_PROXY": "up"}, "up,127.0.0.1 low,127.0.0.1"),
        ({"no_proxy": "*"}, "* *"),
    ):
        with monkeypatch.context() as patch:
            for name, value in before.items():
                patch.setenv(name, value)
            result = outcomes(run, code, "-s")
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines([f"*is: {after.strip().replace('*', '[*]')}"])


def test_a_bad_url_is_one_line(run: pytest.Pytester) -> None:
    for url in ("nonsense", "ftp://x", "http://127.0.0.1:http"):
        result = outcomes(run, "def test_it(relace_mock): pass", "--relace-mock-url", url)
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["E *ServerError: *mock*"])


def test_a_bad_file_of_certificates_is_one_line(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The report of the failed test, which asks for the journal too, ends in no internal error."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    options = ("--relace-mock-url", "https://127.0.0.1:9", "--relace-mock-trace", str(tmp_path))
    code = "def test_it(relace_mock):\n    relace_mock.play('flaky')\n"
    result = outcomes(run, code, *options)
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(["E *SettingsError: SSL_CERT_FILE: cannot read *none.pem: *"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
