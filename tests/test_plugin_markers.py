"""The marker ``relace_scenario``: a mistake in it is an error during collection."""

from __future__ import annotations

import pytest

import relace_mock
from tests.conftest import QUICKLY

ASK = """
import httpx
import pytest

def ask(mock):
    return httpx.post(
        f"{mock.base_url}/code/embed",
        json={"model": "m", "input": ["a"]},
        headers={"Authorization": f"Bearer {mock.api_key}"},
    ).status_code
"""


def collect(pytester: pytest.Pytester, code: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_it=ASK + code)
    return pytester.runpytest_inprocess(*QUICKLY, *options)


def test_every_marker_without_effect_is_reported_with_its_line(pytester: pytest.Pytester) -> None:
    """All mistakes of a file are reported at once, and no test runs."""
    pytester.makefile(".yaml", bad="steps:\n  - statsu: 401")
    pytester.makepyfile(
        test_class="""
import pytest

@pytest.mark.relace_scenario("flaky")
class TestClass:
    def test_with(self, relace_mock): pass

    def test_without(self): pass
"""
    )
    result = collect(
        pytester,
        """
@pytest.mark.relace_scenario("flaky")
def test_no_fixture(): pass

@pytest.mark.relace_scenario("flakey")
def test_name(relace_mock): pass

@pytest.mark.relace_scenario("bad.yaml")
def test_file(relace_mock): pass

@pytest.mark.relace_scenario("nowhere/none.yaml")
def test_no_file(relace_mock): pass

@pytest.mark.relace_scenario("steps: [{status: 429}, {status: 1}]")
def test_text(relace_mock): pass

@pytest.mark.relace_scenario({"steps": [{"stats": 429}]})
def test_dict(relace_mock): pass

@pytest.mark.relace_scenario({"steps": [{"status": {1, 2}}]})
def test_set(relace_mock): pass

@pytest.mark.relace_scenario
def test_bare(relace_mock): pass

@pytest.mark.relace_scenario("flaky", "hang")
def test_two(relace_mock): pass

@pytest.mark.relace_scenario(name="flaky")
def test_keyword(relace_mock): pass

@pytest.mark.relace_scenario(3)
def test_number(relace_mock): pass

@pytest.mark.parametrize("x", [1, pytest.param(2, marks=pytest.mark.relace_scenario("no-such"))])
def test_parameter(relace_mock, x): pass

@pytest.mark.relace_scenario("hang")
@pytest.mark.skip
def test_skipped(): pass

def test_good(relace_mock): pass
""",
    )
    result.assert_outcomes(errors=2)  # the module, and the class in the other
    assert result.ret == pytest.ExitCode.INTERRUPTED
    for line in (
        "*test_it.py:11: test_no_fixture: relace_scenario: the test does not use the mock*",
        "*test_it.py:14: test_name: *there is no scenario 'flakey'; did you mean flaky?*",
        "*test_it.py:17: test_file: *bad.yaml:2:5: steps[[]0].statsu: is not a key here; did you *",
        "*test_it.py:20: test_no_file: *there is no file 'nowhere/none.yaml' in *",
        "*test_it.py:23: test_text: *YAML text:1:33: steps[[]1].status: *",
        "*test_it.py:26: test_dict: *steps[[]0].stats: is not a key here; did you mean status?*",
        "*test_it.py:29: test_set: *JSON cannot represent: *set*",
        "*test_it.py:32: test_bare: relace_scenario: relace_scenario takes one scenario*",
        "*test_it.py:35: test_two: relace_scenario: relace_scenario takes one scenario*",
        "*test_it.py:38: test_keyword: relace_scenario: relace_scenario takes one scenario*",
        "*test_it.py:41: test_number: *a scenario is a name, a file, YAML text or *, not 3*",
        "*test_it.py:44: test_parameter[[]2]: *there is no scenario 'no-such'*",
        "*test_it.py:47: test_skipped: *the test does not use the mock*",
        "*test_class.py:7: test_without: *the test does not use the mock*",
    ):
        result.stdout.fnmatch_lines([line])
    result.stdout.no_fnmatch_line("*test_with: *")
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_marker_works_however_its_test_requests_the_fixture(pytester: pytest.Pytester) -> None:
    pytester.makefile(".yaml", story="steps: [{status: 401}]")
    collect(
        pytester,
        """
@pytest.fixture
def client(relace_mock):
    return lambda: ask(relace_mock)

@pytest.mark.relace_scenario("story.yaml")
def test_by_another_fixture(client):
    assert client() == 401

@pytest.mark.relace_scenario(scenario="bad-request")
@pytest.mark.usefixtures("relace_mock")
def test_by_usefixtures(request):
    assert ask(request.getfixturevalue("relace_mock")) == 400

@pytest.mark.relace_scenario("steps:\\n- status: 500")
def test_by_the_environment(relace_env):
    assert ask(relace_env) == 500

@pytest.mark.relace_scenario({"steps": [{"status": 403}]})
class TestAutouse:
    @pytest.fixture(autouse=True)
    def mock(self, relace_mock):
        self.mock = relace_mock

    def test_of_the_class(self):
        assert ask(self.mock) == 403

    @pytest.mark.relace_scenario("bad-request")
    def test_nearest_marker(self):
        assert ask(self.mock) == 400

@pytest.mark.parametrize("status", [
    pytest.param(400, marks=pytest.mark.relace_scenario("bad-request")),
    pytest.param(200),
])
def test_parameter(relace_mock, status):
    assert ask(relace_mock) == status
""",
    ).assert_outcomes(passed=7)


def test_a_running_server_is_asked_for_scenarios_that_only_it_knows(
    pytester: pytest.Pytester,
) -> None:
    folder = pytester.mkdir("its-own")
    (folder / "only-there.yaml").write_text("steps: [{status: 418}]")
    code = """
@pytest.mark.relace_scenario("only-there")
def test_it(relace_mock):
    assert ask(relace_mock) == 418
"""
    with relace_mock.running(dimensions=8, scenarios=folder, control_token="t0ken") as server:  # noqa: S106 - made up
        options = ("--relace-mock-url", server.url, "--relace-mock-token", "t0ken")
        collect(pytester, code, *options).assert_outcomes(passed=1)
        result = collect(pytester, code.replace("only-there", "only-here"), *options)
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["*has no scenario 'only-here'; did you mean only-there?*"])
        result = collect(pytester, code, *options[:2])
        result.stdout.fnmatch_lines(["*the mock refused: send the server's token*"])
    result = collect(pytester, code, *options)
    result.stdout.fnmatch_lines([f"*test_it.py:11: test_it: *no mock answers at {server.url}*"])
    result = collect(pytester, code)
    result.stdout.fnmatch_lines(["*test_it.py:11: test_it: *there is no scenario 'only-there'*"])


def test_a_marker_without_effect_is_reported_under_xdist(pytester: pytest.Pytester) -> None:
    code = "@pytest.mark.relace_scenario('flaky')\ndef test_it(): pass\n"
    result = collect(pytester, code, "-n", "2")
    result.stdout.fnmatch_lines(["*test_it.py:10: test_it: *the test does not use the mock*"])
    assert result.ret != 0


CONFTEST = """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        if added := ADDED.get(item.name):
            item.add_marker(pytest.mark.relace_scenario(added))
"""


@pytest.mark.parametrize(
    ("options", "outcomes"),
    # Workers of xdist run tests even after such errors, and these tests fail again then.
    [((), {"errors": 2}), (("-n", "2"), {"errors": 4, "passed": 1})],
    ids=["alone", "xdist"],
)
def test_a_marker_that_a_hook_adds_is_checked_too(
    pytester: pytest.Pytester, options: tuple[str, ...], outcomes: dict[str, int]
) -> None:
    added = {"test_name": "no-such", "test_without": "flaky", "test_good": "bad-request"}
    pytester.makeconftest(f"ADDED = {added}\n{CONFTEST}")
    code = """
def test_name(relace_mock): pass

def test_without(): pass

def test_good(relace_mock):
    assert ask(relace_mock) == 400
"""
    result = collect(pytester, code, *options)
    result.assert_outcomes(**outcomes)
    assert result.ret != 0
    result.stdout.fnmatch_lines(
        [
            "test_it.py:11: test_name: relace_scenario: there is no scenario 'no-such'; *",
            "test_it.py:13: test_without: relace_scenario: the test does not use the mock*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result = collect(pytester, code, *options, "--continue-on-collection-errors", "-k", "good")
    result.assert_outcomes(passed=1)


def test_a_bad_marker_of_a_hook_is_an_error_even_if_tests_run(pytester: pytest.Pytester) -> None:
    added = {"test_name": "no-such", "test_without": "flaky", "test_xfail": "no-such"}
    pytester.makeconftest(f"ADDED = {added}\n{CONFTEST}")
    result = collect(
        pytester,
        """
def test_name(relace_mock): pass

def test_without(): pass

@pytest.mark.xfail
def test_xfail(relace_mock): pass
""",
        "--continue-on-collection-errors",
    )
    result.assert_outcomes(errors=6)
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_marker_that_is_added_while_the_test_runs_must_have_an_effect(
    pytester: pytest.Pytester,
) -> None:
    result = collect(
        pytester,
        """
ADDED = {
    "test_name": "no-such", "test_without": "flaky", "test_good": "bad-request", "test_xfail": 3,
}

@pytest.fixture(autouse=True)
def adding(request):
    if added := ADDED.get(request.node.name):
        request.applymarker(pytest.mark.relace_scenario(added))

@pytest.fixture
def late(relace_mock, request):
    request.applymarker(pytest.mark.relace_scenario("bad-request"))

def test_name(relace_mock): pass

def test_without(): pass

def test_good(relace_mock):
    assert ask(relace_mock) == 400

@pytest.mark.xfail
def test_xfail(relace_mock): pass

def test_late(late): pass

@pytest.mark.relace_scenario("bad-request")
def test_same(relace_mock, late):
    assert ask(relace_mock) == 400

def test_body(relace_mock, request):
    request.applymarker(pytest.mark.relace_scenario("bad-request"))

def test_body_without(request):
    request.applymarker(pytest.mark.relace_scenario("bad-request"))

@pytest.mark.xfail
def test_body_xfail(relace_mock, request):
    request.applymarker(pytest.mark.relace_scenario("bad-request"))
    assert ask(relace_mock) == 400

def test_skipped(request):
    request.applymarker(pytest.mark.relace_scenario("bad-request"))
    pytest.skip("not here")
""",
    )
    result.assert_outcomes(passed=2, errors=4, failed=3, skipped=1)
    late = "the marker was added after relace_mock had started, so its scenario is not played*"
    for line in (
        "test_it.py:24: test_name: relace_scenario: there is no scenario 'no-such'; *",
        "test_it.py:26: test_without: relace_scenario: the test does not use the mock*",
        "test_it.py:31: test_xfail: relace_scenario: a scenario is a name, *, not 3",
        f"test_it.py:34: test_late: relace_scenario: {late}",
        f"test_it.py:40: test_body: relace_scenario: {late}",
        "test_it.py:43: test_body_without: relace_scenario: the test does not use the mock*",
        f"test_it.py:46: test_body_xfail: relace_scenario: {late}",
    ):
        result.stdout.fnmatch_lines([line])
    result.stdout.no_fnmatch_line("*Traceback*")
