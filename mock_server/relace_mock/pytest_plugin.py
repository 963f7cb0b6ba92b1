"""The pytest plugin: a mock for every test, on one server.

Each test has a key, and so a namespace, of its own, derived from its id: parallel tests
never meet, and what chance decides is the same in every run.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from relace_mock.remote import RemoteControl

_SHOWN = 20  # requests that the report of a failing test shows


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our two options."""
    group = parser.getgroup("relace-mock", "a local fake of Relace's embed endpoint")
    group.addoption(
        "--relace-mock-url",
        metavar="URL",
        help="use this running mock (its ready line says the URL) instead of starting one",
    )
    group.addoption(
        "--relace-mock-token",
        metavar="TOKEN",
        help="what it was started with as --control-token (or RELACE_MOCK_CONTROL_TOKEN)",
    )
    group.addoption(
        "--relace-mock-strict",
        action="store_true",
        help="fail tests whose scenario was not played to its end, or could not be",
    )
    parser.addini("relace_mock_strict", "as --relace-mock-strict", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Declare our marker."""
    config.addinivalue_line(
        "markers", "relace_scenario(scenario): play a scenario: a name, a file or a dict"
    )


@pytest.fixture(scope="session")
def relace_mock_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The base URL of the session's mock, as ``RELACE_BASE_URL`` takes it."""
    given = request.config.getoption("relace_mock_url")
    if given:
        url = str(given).rstrip("/")
        yield url if url.endswith("/v1") else f"{url}/v1"
        return
    from relace_mock.server import running  # noqa: PLC0415 - tests without a mock need no server

    with running() as server:
        yield server.base_url


@pytest.fixture
def relace_mock(request: pytest.FixtureRequest, relace_mock_url: str) -> Iterator[RemoteControl]:
    """A mock of its own for this test: ``play``, ``requests``, ``advance`` and so on."""
    from relace_mock.remote import RemoteControl  # noqa: PLC0415 - as above

    digest = hashlib.sha256(request.node.nodeid.encode()).hexdigest()
    token = request.config.getoption("relace_mock_token")
    token = token or os.environ.get("RELACE_MOCK_CONTROL_TOKEN")
    mock = RemoteControl(relace_mock_url, f"rlc-{digest[:32]}", control_token=token)
    mock.stop()
    mock.reset()
    for marker in request.node.iter_markers("relace_scenario"):
        mock.play(*marker.args, **marker.kwargs)
        break  # the nearest one
    request.node.stash[_MOCK] = mock
    yield mock
    problems = _left_undone(request, mock)
    mock.stop()
    if problems:
        pytest.fail("relace-mock: " + "; ".join(problems), pytrace=False)


@pytest.fixture
def relace_env(relace_mock: RemoteControl, monkeypatch: pytest.MonkeyPatch) -> RemoteControl:
    """The test's mock, with ``RELACE_BASE_URL`` and ``RELACE_API_KEY`` set to it."""
    monkeypatch.setenv("RELACE_BASE_URL", relace_mock.base_url)
    monkeypatch.setenv("RELACE_API_KEY", relace_mock.api_key)
    return relace_mock


_MOCK: pytest.StashKey[RemoteControl] = pytest.StashKey()


def _left_undone(request: pytest.FixtureRequest, mock: RemoteControl) -> list[str]:
    """What strict mode says of a test that passed."""
    config = request.config
    strict = config.getoption("relace_mock_strict") or config.getini("relace_mock_strict")
    if not strict or request.node.stash.get(_FAILED, False):
        return []
    problems = [f"a step was not used: {step}" for step in mock.unused()]
    return problems + [
        f"a mutation could not be applied to request {number}"
        for number, entry in enumerate(mock.requests, 1)
        if entry.not_applicable
    ]


_FAILED: pytest.StashKey[bool] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the journal of a test that failed, short."""
    report = yield
    mock = item.stash.get(_MOCK, None)
    if report.failed and mock is not None:
        item.stash[_FAILED] = True
        report.sections.append(("relace-mock journal", _journal(mock)))
    return report


def _journal(mock: RemoteControl) -> str:
    from relace_mock.settings import ServerError  # noqa: PLC0415 - as above

    try:
        entries = mock.requests
    except ServerError as error:
        return str(error)
    lines = [str(entry) for entry in entries[-_SHOWN:]]
    if len(entries) > _SHOWN:
        lines.insert(0, f"… {len(entries) - _SHOWN} earlier requests")
    return "\n".join(lines) or "no request arrived"
