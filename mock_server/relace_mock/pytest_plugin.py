"""The pytest plugin: a mock for every test, on one server for the session.

The server runs in a process of its own, so that a test cannot disturb it by changing the test
process. Each test has its own API key, and so its own namespace. The key names the test and the
session, so tests never share state, neither in parallel nor in two sessions on one server. Chance
does not depend on the key: it decides the same in every run.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from relace_mock.control.mocks import MockServer
    from relace_mock.control.remote import RemoteControl
    from relace_mock.keywords import SettingsKeywords
    from relace_mock.marker import Markers

# Functions import the modules of the mock: a session without a mock then loads none of them.

_ENDPOINT = "https://embeddings.endpoint.relace.run"  # documented
_SHOWN = 20  # the number of requests in the report of a failed test


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options ``--relace-mock-…``."""
    group = parser.getgroup("relace-mock", "a local fake of Relace's embed endpoint")
    group.addoption(
        "--relace-mock-url",
        metavar="URL",
        help="use this running mock instead of starting one: the URL that it printed when it started",
    )
    group.addoption(
        "--relace-mock-token",
        metavar="TOKEN",
        help="the --control-token that the running mock was started with "
        "(or the variable RELACE_MOCK_CONTROL_TOKEN)",
    )
    group.addoption(
        "--relace-mock-record",
        action="store_true",
        help="record the texts that the recordings of relace_mock.replay() lack, from the real "
        "endpoint (its key is RELACE_MOCK_UPSTREAM_KEY, or RELACE_API_KEY)",
    )
    group.addoption(
        "--relace-mock-upstream",
        metavar="URL",
        help="record from this endpoint (or the variable RELACE_MOCK_UPSTREAM) instead of Relace's",
    )
    group.addoption(
        "--relace-mock-strict",
        action="store_true",
        help="fail a test that passes without playing its scenario to the end",
    )
    group.addoption(
        "--relace-mock-trace",
        metavar="DIR",
        help="write the requests of each failed test to an HTML file in this folder",
    )
    strict = "the same as the option --relace-mock-strict"
    parser.addini("relace_mock_strict", strict, type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker ``relace_scenario``."""
    config.addinivalue_line(
        "markers",
        "relace_scenario(scenario): play a scenario (a name, a file, YAML text or a dict) "
        "in a test that uses relace_mock",
    )
    if folder := config.getoption("relace_mock_trace"):
        from relace_mock.traces import make_folder  # noqa: PLC0415 - see above

        make_folder(folder)


@pytest.fixture(scope="session")
def relace_mock_server(request: pytest.FixtureRequest) -> Iterator[MockServer]:
    """The session's server. ``mock("name")`` returns a mock for fixtures of a wider scope."""
    from relace_mock.control.mocks import MockServer  # noqa: PLC0415 - see above
    from relace_mock.serving.starting import running  # noqa: PLC0415 - see above

    with contextlib.ExitStack() as stack:
        url, token = _running_already(request.config)
        records = bool(request.config.getoption("relace_mock_record"))
        if url is None:
            settings = _recording_from(request.config) if records else {}
            url, token = stack.enter_context(running(**settings)).base_url, None
        folders = (request.config.rootpath,)
        server = MockServer(url, control_token=token, folders=folders, records=records)
        stack.callback(server.close)
        yield server
        request.config.stash[_UNUSED] = server.unused()


def _recording_from(config: pytest.Config) -> SettingsKeywords:
    """The settings of a server that records what tests replay. Other tests get made-up vectors."""
    upstream = config.getoption("relace_mock_upstream") or os.environ.get("RELACE_MOCK_UPSTREAM")
    key = os.environ.get("RELACE_MOCK_UPSTREAM_KEY") or os.environ.get("RELACE_API_KEY")
    if not key and not upstream:
        pytest.fail(
            "--relace-mock-record needs the API key of the real endpoint: set "
            "RELACE_MOCK_UPSTREAM_KEY, or RELACE_API_KEY",
            pytrace=False,
        )
    return {
        "upstream": str(upstream or _ENDPOINT),
        "upstream_key": key or None,
        "on_miss": "synthesize",
    }


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how many vectors of the recordings no test has used."""
    for line in config.stash.get(_UNUSED, []):
        terminalreporter.write_line(f"relace-mock: {line}")


@pytest.fixture(scope="session")
def relace_mock_url(relace_mock_server: MockServer) -> str:
    """The base URL of the session's server, for ``RELACE_BASE_URL``."""
    return relace_mock_server.base_url


@pytest.fixture
def relace_mock(
    request: pytest.FixtureRequest, relace_mock_server: MockServer
) -> Iterator[RemoteControl]:
    """This test's own mock: ``play``, ``requests``, ``advance`` and so on."""
    from relace_mock.marker import NAME, folders_of, scenario_in  # noqa: PLC0415 - see above

    item: pytest.Item = request.node
    mock = relace_mock_server.control(f"test {item.nodeid}", folders_of(item))
    owner = os.getpid()
    run = item.stash[_RUN] = _Run(mock)
    marker = item.get_closest_marker(NAME)
    if marker is not None:
        if problem := _markers(item.config).scenario_problem(item):
            pytest.fail(problem, pytrace=False)
        mock.play(scenario_in(marker))
        run.marker = marker
    yield mock
    if os.getpid() != owner:
        return  # a forked child must not end the mock: it belongs to the parent process
    problems = _strict_problems(mock) if run.passed and _is_strict(item.config) else []
    run.trace = _trace(item, mock) if problems else run.trace
    run.journal = _journal(mock)  # a later teardown may fail, when the mock is already gone
    run.mock = None
    mock.forget()
    if problems:
        pytest.fail("relace-mock: " + "; ".join(problems), pytrace=False)


@pytest.fixture
def relace_env(relace_mock: RemoteControl, monkeypatch: pytest.MonkeyPatch) -> RemoteControl:
    """The test's mock, with the environment variables of a client that uses it.

    Sets ``RELACE_BASE_URL`` and ``RELACE_API_KEY``, and adds the mock's host to ``NO_PROXY`` and
    ``no_proxy``.
    """
    monkeypatch.setenv("RELACE_BASE_URL", relace_mock.base_url)
    monkeypatch.setenv("RELACE_API_KEY", relace_mock.api_key)
    host = urlsplit(relace_mock.base_url).hostname or ""
    for name, other in (("NO_PROXY", "no_proxy"), ("no_proxy", "NO_PROXY")):
        before = os.environ.get(name) or os.environ.get(other, "")
        hosts = [each.strip() for each in before.split(",") if each.strip()]
        if "*" not in hosts and host not in hosts:
            monkeypatch.setenv(name, ",".join([*hosts, host]))
        else:
            monkeypatch.setenv(name, before)
    return relace_mock


@dataclass
class _Run:
    """One run of a test. ``journal`` is the mock's journal, saved when the mock ended.

    ``marker`` is the marker whose scenario was played when the mock started. ``passed`` is None
    until the test has run; a test with a failed or skipped subtest has not passed.
    """

    mock: RemoteControl | None
    marker: pytest.Mark | None = None
    passed: bool | None = None
    journal: str = ""
    trace: bytes | None = None

    def shown(self) -> str:
        return self.journal if self.mock is None else _journal(self.mock)


_RUN: pytest.StashKey[_Run] = pytest.StashKey()
_UNUSED: pytest.StashKey[list[str]] = pytest.StashKey()
_MARKERS: pytest.StashKey[Markers] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Report an error at collection for each marker that can have no effect."""
    report = yield
    items = [each for each in report.result or () if isinstance(each, pytest.Item)]
    if report.passed and any("relace_mock_server" in _fixtures(item) for item in items):
        # Import this before a test can patch the modules that it uses.
        import relace_mock.control.remote  # noqa: F401, PLC0415
    if report.passed and (problems := _new_problems(items)):
        report.outcome = "failed"
        report.longrepr = "\n".join(problems.values())
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, object, object]:
    """Report an error at collection for each bad marker that a hook added."""
    result = yield
    for nodeid, problem in _new_problems(items).items():
        report = pytest.CollectReport(nodeid, "failed", problem, [])
        config.hook.pytest_collectreport(report=report)
    return result


def _new_problems(items: list[pytest.Item]) -> dict[str, str]:
    """Check the markers that were not checked before. Return error messages by test."""
    marked = [item for item in items if item.get_closest_marker("relace_scenario")]
    return _markers(marked[0].config).new_problems(marked) if marked else {}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forget the previous run, if the test runs again."""
    item.stash.setdefault(_RUN, _Run(None))
    del item.stash[_RUN]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test whose marker has no effect. Add the journal to the report of a failed test."""
    report = yield
    run = item.stash.get(_RUN, None)
    passed = report.passed or hasattr(report, "wasxfail")
    if passed and report.when != "teardown" and item.get_closest_marker("relace_scenario"):
        played, started = (run.marker, True) if run else (None, False)
        if problem := _markers(item.config).problem_now(item, played, started=started):
            report.outcome, report.longrepr = "failed", problem
            vars(report).pop("wasxfail", None)
    if run is None:
        return report
    if report.when == "call":
        # Each subtest has a report of its own, before that of the test.
        passed = report.passed and not hasattr(report, "wasxfail")
        run.passed = passed and run.passed is not False
    if report.failed:
        report.sections.append(("relace-mock journal", run.shown()))
        if run.mock is not None:
            run.trace = _trace(item, run.mock)
        if run.trace is not None:
            from relace_mock.traces import write  # noqa: PLC0415 - see above

            folder = str(item.config.getoption("relace_mock_trace"))
            report.sections.append(("relace-mock trace", write(folder, item.nodeid, run.trace)))
    return report


def _trace(item: pytest.Item, mock: RemoteControl) -> bytes | None:
    """The trace of a test, if the user wants one."""
    if not item.config.getoption("relace_mock_trace"):
        return None
    from relace_mock.traces import fetched  # noqa: PLC0415 - see above

    return fetched(mock)


def _fixtures(item: pytest.Item) -> tuple[str, ...]:
    return tuple(getattr(item, "fixturenames", ()))


def _markers(config: pytest.Config) -> Markers:
    from relace_mock.marker import Markers  # noqa: PLC0415 - see above

    if _MARKERS not in config.stash:
        config.stash[_MARKERS] = Markers(*_running_already(config))
    return config.stash[_MARKERS]


def _running_already(config: pytest.Config) -> tuple[str | None, str | None]:
    """Return the base URL and the token of the running mock that the user named, or None twice."""
    given = config.getoption("relace_mock_url")
    if not given:
        return None, None
    url = str(given).rstrip("/")
    token = config.getoption("relace_mock_token") or os.environ.get("RELACE_MOCK_CONTROL_TOKEN")
    return url if url.endswith("/v1") else f"{url}/v1", token


def _is_strict(config: pytest.Config) -> bool:
    return bool(config.getoption("relace_mock_strict") or config.getini("relace_mock_strict"))


def _strict_problems(mock: RemoteControl) -> list[str]:
    """Return what strict mode reports about a test that passed."""
    problems = [f"a step was not used: {step}" for step in mock.unused()]
    return (
        problems
        + [
            f"a mutation could not be applied to request #{entry.number}"
            for entry in mock.requests
            if entry.not_applicable
        ]
        + [
            f"request #{entry.number} was refused with 500: {'; '.join(entry.notes)}"
            for entry in mock.requests
            if entry.outcome == "refused" and entry.status == 500
        ]
    )


def _journal(mock: RemoteControl) -> str:
    from relace_mock.settings import ServerError, SettingsError  # noqa: PLC0415 - see above

    try:
        entries = mock.journal(limit=_SHOWN + 1)
    except (ServerError, SettingsError) as error:
        return str(error)
    lines = [str(entry) for entry in entries[-_SHOWN:]]
    if len(entries) > _SHOWN:
        lines.insert(0, f"… earlier requests are left out; the last {_SHOWN} are:")
    return "\n".join(lines) or "no request arrived"
