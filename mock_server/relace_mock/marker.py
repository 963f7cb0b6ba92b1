"""Check the marker ``relace_scenario``: its scenario must exist, and its test must use the mock."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from relace_mock.control.connection import over_a_socket
from relace_mock.control.remote import scenario_of
from relace_mock.excerpts import quoted
from relace_mock.scenario.library import Library
from relace_mock.scenario.mistakes import suggestion
from relace_mock.scenario.model import read
from relace_mock.settings import ServerError, SettingsError

NAME = "relace_scenario"
#: The marker of a test that was found right.
_RIGHT: pytest.StashKey[pytest.Mark] = pytest.StashKey()


def scenario_in(marker: pytest.Mark) -> Any:
    """Return the argument of the marker. Raises ``TypeError`` unless it has exactly one."""
    given = [*marker.args, *marker.kwargs.values()]
    if len(given) != 1 or marker.kwargs.keys() - {"scenario"}:
        raise TypeError(f"{NAME} takes one scenario, as in {NAME}('rate-limited-twice')")
    return given[0]


def folders_of(item: pytest.Item) -> tuple[Path, ...]:
    """Return the folders in which the scenario files of a test are searched, in this order."""
    return (item.path.parent, item.config.rootpath)


def _said(item: pytest.Item, problem: str) -> str:
    """Return the error message for the marker of a test: the test's place, and the problem."""
    file, line, _ = item.location
    return f"{file}:{(line or 0) + 1}: {item.name}: {NAME}: {problem}"


class Markers:
    """Check the markers of tests. ``url`` and ``token`` are those of a running server, if any."""

    def __init__(self, url: str | None, token: str | None) -> None:
        self._url = url
        self._token = token
        self._bundled = Library()

    def new_problems(self, items: Iterable[pytest.Item]) -> dict[str, str]:
        """Check the markers that were not found right before. Return error messages by test."""
        found = {item.nodeid: self._problem(item) for item in items}
        return {nodeid: problem for nodeid, problem in found.items() if problem}

    def problem_now(
        self, item: pytest.Item, played: pytest.Mark | None, *, started: bool
    ) -> str | None:
        """Return the error message for a marker that has no effect while its test runs.

        ``started`` says whether the mock of the test has started. ``played`` is the marker whose
        scenario was played then.
        """
        if not started:
            return self._problem(item)
        if item.get_closest_marker(NAME) == played:
            return None
        return self.scenario_problem(item) or _said(
            item,
            "the marker was added after relace_mock had started, so its scenario is not played: "
            "add it earlier, or call relace_mock.play()",
        )

    def scenario_problem(self, item: pytest.Item) -> str | None:
        """Return the error message for the scenario of a test's nearest marker, if it is bad."""
        marker = item.get_closest_marker(NAME)
        if marker is None or marker is item.stash.get(_RIGHT, None):
            return None
        try:
            self._check(item, scenario_in(marker))
        except (TypeError, SettingsError, ServerError) as error:
            return _said(item, str(error))
        return None

    def _problem(self, item: pytest.Item) -> str | None:
        """Like ``scenario_problem``, but also for a test that does not use the mock."""
        marker = item.get_closest_marker(NAME)
        if marker is None or marker is item.stash.get(_RIGHT, None):
            return None
        if problem := self.scenario_problem(item):
            return problem
        if "relace_mock" not in getattr(item, "fixturenames", ()):
            return _said(
                item,
                "the test does not use the mock, so no scenario is played: add the argument "
                "relace_mock, or pytest.mark.usefixtures('relace_mock'), or remove the marker",
            )
        item.stash[_RIGHT] = marker
        return None

    def _check(self, item: pytest.Item, given: object) -> None:
        meant = scenario_of(given, folders_of(item))
        if isinstance(meant, Mapping):
            try:
                text = json.dumps(dict(meant)).encode()
            except (TypeError, ValueError) as error:
                raise TypeError(
                    f"the scenario has a value that JSON cannot represent: {error}"
                ) from None
            read(text, "the mapping", "unnamed")
        elif isinstance(meant, str) and meant not in self._bundled.names():
            self._ask_for(meant)

    def _ask_for(self, name: str) -> None:
        """Raise ``SettingsError`` if the running server does not know the name either."""
        if self._url is None:
            raise SettingsError(self._bundled.unknown(name))
        if name not in self._known_there:
            near = suggestion(name, self._known_there)
            raise SettingsError(f"the server at {self._url} has no scenario {quoted(name)}; {near}")

    @cached_property
    def _known_there(self) -> list[str]:
        assert self._url is not None
        fields = {} if self._token is None else {"X-Mock-Control-Token": self._token}
        status, answer = over_a_socket(self._url)("GET", "/_mock/scenarios", fields, b"")
        try:
            found = json.loads(answer)
            if status >= 400:
                raise ServerError(f"the mock refused: {found['error']}")
            return [each["name"] for each in found["scenarios"]]
        except (ValueError, TypeError, KeyError):
            raise ServerError(
                f"the server at {self._url} is no relace-mock: "
                "give --relace-mock-url the URL that the mock printed when it started"
            ) from None
