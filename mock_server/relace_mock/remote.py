"""Steers the mock from a test: one key's scenario, journal, clock.

Speaks the control API, over a socket or to a transport in this process.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from relace_mock.scenario.library import SUFFIXES, read_file
from relace_mock.settings import ServerError
from relace_mock.verdict import Finding, Verdict

#: Sends a method, a path, header fields and a body; gives the status and the body.
Send = Callable[[str, str, Mapping[str, str], bytes], tuple[int, bytes]]

_PATIENCE = 2.0  # seconds to wait for entries that are not complete


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """An entry of the journal. ``body`` is at most 64 KiB; ``duration`` is in seconds.

    ``raw`` is the entry as the control API gives it, with what is not named here.
    """

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: str
    outcome: str
    status: int | None
    scenario: str | None
    rule: int | None
    step: int | None
    fault: str | None
    mutations: list[str]
    not_applicable: bool
    attempt: int | None
    time: str
    duration: float | None
    violations: list[str]
    notes: list[str]
    raw: dict[str, Any]

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    def __str__(self) -> str:
        """The exchange on a line."""
        answer = "no answer" if self.status is None else str(self.status)
        played = f" by {self.scenario}" if self.scenario and self.step is not None else ""
        story = f" ({', '.join(filter(None, [self.fault, *self.mutations]))})"
        broken = f": {'; '.join(self.violations)}" if self.violations else ""
        attempt = f" attempt {self.attempt}" if self.attempt else ""
        shown = story if story != " ()" else ""
        return f"{self.time[11:23]} {self.method} {self.path}{attempt} → {answer}, {self.outcome}{played}{shown}{broken}"


class RemoteControl:
    """One key of a mock: what it plays, what it was asked, its clock.

    ``base_url`` and ``api_key`` are what the client under test gets; ``control_token`` is what
    the server was started with, if it was.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        control_token: str | None = None,
        send: Send | None = None,
    ) -> None:
        self.base_url = base_url
        self.api_key = api_key
        self._fields = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        if control_token is not None:
            self._fields["X-Mock-Control-Token"] = control_token
        self._send = send or _over_a_socket(base_url)

    def play(self, scenario: str | Path | Mapping[str, Any]) -> None:
        """Play a scenario from its beginning: a name, a file, or what a file would say.

        Raises ``SettingsError`` for a file that cannot be honoured, with its line, and
        ``ServerError`` for what the server refuses.
        """
        if isinstance(scenario, Mapping):
            body = dict(scenario)
        elif isinstance(scenario, Path) or scenario.endswith(SUFFIXES) or "/" in scenario:
            read = read_file(Path(scenario))
            body = {"name": read.name} | read.source
        else:
            body = {"name": scenario}
        self._ask("PUT", "scenario", body)

    def stop(self) -> None:
        """Play nothing of its own any more."""
        self._ask("DELETE", "scenario")

    @property
    def requests(self) -> list[RecordedRequest]:
        """What was asked with this key, oldest first; waits a moment for what is under way."""
        return [_recorded(entry) for entry in self._settled()]

    def verdict(self) -> Verdict:
        """How the client behaved: contract, retries, waits."""
        self._settled()
        answer = self._ask("GET", "verdict")
        findings = [Finding(**finding) for finding in answer["findings"]]
        return Verdict(answer["requests"], findings, complete=answer["complete"])

    def new_call(self) -> None:
        """Count attempts from 1 again: the next request is a new call, not a retry."""
        self._ask("POST", "new-call")

    def advance(self, seconds: float) -> None:
        """Move the clock of this key, and so its quota, without waiting."""
        self._ask("POST", "clock", {"advance": seconds})

    def reset(self) -> None:
        """Script, quota, clock and journal from the beginning."""
        self._ask("POST", "reset")

    def position(self) -> dict[str, Any]:
        """What is played, and how often each step has answered."""
        answer: dict[str, Any] = self._ask("GET", "scenario")
        return answer

    def unused(self) -> list[str]:
        """The steps of the scenario that have not answered as often as they say."""
        return [
            f"rule {rule['rule']}, step {number}: answered {step['given']} of {step['times']} times"
            for rule in self.position()["position"]
            for number, step in enumerate(rule["steps"])
            if step["given"] < (1 if step["times"] == "forever" else step["times"])
        ]

    def _settled(self) -> list[dict[str, Any]]:
        deadline = time.monotonic() + _PATIENCE
        while True:
            entries: list[dict[str, Any]] = self._ask("GET", "requests")["requests"]
            pending = any(entry["outcome"] == "pending" for entry in entries)
            if not pending or time.monotonic() > deadline:
                return entries
            time.sleep(0.005)

    def _ask(self, method: str, name: str, body: Any = None) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        status, answer = self._send(method, f"/_mock/{name}", self._fields, content)
        try:
            result: Any = json.loads(answer) if answer else None
            problem = result["error"] if status >= 400 else None
        except (ValueError, TypeError, KeyError):
            raise ServerError(f"what answers at {self.base_url} is no relace-mock") from None
        if problem is not None:
            raise ServerError(f"the mock refused: {problem}")
        return result


def _over_a_socket(base_url: str) -> Send:
    url = urlsplit(base_url)
    try:
        port = url.port
    except ValueError:
        raise ServerError(f"{base_url} is no URL of a mock: its port is no number") from None
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection

    def send(method: str, path: str, fields: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        connection = kind(url.hostname or "", port, timeout=30)
        try:
            connection.request(method, path, body, dict(fields))
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ServerError(
                f"no mock answers at {url.scheme}://{url.netloc}: {error or type(error).__name__}"
            ) from None
        finally:
            connection.close()

    return send


def _recorded(entry: dict[str, Any]) -> RecordedRequest:
    request = entry["request"]
    same = RecordedRequest.__dataclass_fields__.keys() & entry.keys()
    return RecordedRequest(
        method=request["method"],
        path=request["path"],
        headers=[(name, value) for name, value in request["headers"]],
        body=request.get("body", ""),
        raw=entry,
        **{name: entry[name] for name in same},
    )
