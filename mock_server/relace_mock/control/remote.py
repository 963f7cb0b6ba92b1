"""Controls the mock from a test: scenario, journal and clock of one key.

It sends control requests over a socket, or to a transport in this process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from relace_mock.control.connection import Send, answered, over_a_socket
from relace_mock.control.findings import Finding, Verdict
from relace_mock.control.recorded import RecordedRequest, recorded
from relace_mock.excerpts import quoted
from relace_mock.keys import namespace_of
from relace_mock.scenario.library import names_a_file, read_file
from relace_mock.settings import OnMiss, ServerError, SettingsError

if TYPE_CHECKING:
    from relace_mock.scenario.model import Scenario

_SETTLE = "2s"  # the longest time that the server waits for pending exchanges
_LARGEST = 1e300  # the server cannot parse much larger numbers
_TAKES = "a scenario is a name, a file, YAML text or a mapping such as {'steps': [{'status': 429}]}"


def scenario_of(given: object, folders: Sequence[Path] = ()) -> str | Scenario | Mapping[str, Any]:
    """Read the argument of ``play``: a name, a file, YAML text, or a mapping.

    A string that names a file is looked up in the ``folders``, then in the working directory.
    Raises ``TypeError`` for any other value. Raises ``SettingsError`` for a file or a text that is
    not a valid scenario, and names the line.
    """
    if isinstance(given, Mapping):
        return given
    if isinstance(given, Path):
        return read_file(_found(given, folders))
    if not isinstance(given, str):
        hint = " (put steps into {'steps': [...]})" if isinstance(given, list) else ""
        raise TypeError(f"{_TAKES}, not {quoted(given)}{hint}")
    if "\n" in given or ": " in given or given.lstrip().startswith("{"):
        from relace_mock.scenario.model import read  # noqa: PLC0415 - loaded when a scenario is first played

        return read(given.encode(), "YAML text", "unnamed")
    if names_a_file(given):
        return read_file(_found(Path(given), folders))
    if not given.strip():
        raise SettingsError(f"{_TAKES}, not {given!r}")
    return given


def _found(path: Path, folders: Sequence[Path]) -> Path:
    """The first file of this name in the folders; ``path`` itself if there are no folders."""
    places = dict.fromkeys([*folders, Path.cwd()])
    for folder in places:
        if (folder / path).is_file():
            return folder / path if folders else path
    if path.is_absolute():
        raise SettingsError(f"there is no file {path}")
    where = ", ".join(map(str, places))
    raise SettingsError(f"there is no file {str(path)!r} in {where}")


def _check_key(key: object) -> None:
    """Refuse a key that cannot be sent. The messages do not repeat it."""
    if not isinstance(key, str):
        kind = type(key).__name__
        raise TypeError(f"the API key must be a string such as 'rlc-test', not {kind}")
    if not (key.isascii() and key.isprintable()):
        raise SettingsError("the API key must be ASCII characters without line breaks")


def _check_seconds(given: object) -> None:
    """Refuse an argument of ``advance`` that cannot be sent as a JSON number."""
    takes = f"advance() takes seconds, such as advance(60), not {quoted(given)}"
    if isinstance(given, timedelta):
        raise TypeError(f"{takes}: write advance({given.total_seconds():g})")
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise TypeError(takes)
    if not -_LARGEST < given < _LARGEST:
        raise SettingsError(takes)


class RemoteControl:
    """Control of one API key of a mock: its scenario, journal and clock.

    ``base_url`` and ``api_key`` are the values for the client under test. ``control_token`` is the
    token that the server was started with, if any. ``records`` makes ``replay`` record what a
    recording lacks. The files that it replays are added to ``replayed``.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        control_token: str | None = None,
        send: Send | None = None,
        folders: Sequence[Path] = (),
        records: bool = False,
        replayed: set[str] | None = None,
    ) -> None:
        _check_key(api_key)
        self.base_url = base_url
        self.api_key = api_key
        self._fields = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        if control_token is not None:
            self._fields["X-Mock-Control-Token"] = control_token
        self._send = send or over_a_socket(base_url)
        self._folders = folders
        self._records = records
        self._replayed = set() if replayed is None else replayed

    def __repr__(self) -> str:
        return f"<RemoteControl of {self.base_url}, namespace {namespace_of(self.api_key)}>"

    def play(self, scenario: str | Path | Mapping[str, Any]) -> None:
        """Play a scenario from its beginning: a name, a file, YAML text, or a mapping.

        In a test, a file is looked for beside the test, then below pytest's root, then in the
        working directory. A string is YAML text if it has a line break or ``: `` in it, or begins
        with ``{``.

        Raises ``TypeError`` for any other value. Raises ``SettingsError`` for a file or a text that
        is not a valid scenario, and names the line. Raises ``ServerError`` if the server refuses.
        """
        meant = scenario_of(scenario, self._folders)
        if isinstance(meant, str):
            body: dict[str, Any] = {"name": meant}
        elif isinstance(meant, Mapping):
            body = dict(meant)
        else:
            body = {"name": meant.name} | meant.source
        try:
            json.dumps(body)
        except (TypeError, ValueError) as error:
            raise TypeError(f"the scenario has a value that JSON cannot hold: {error}") from None
        self._ask("PUT", "scenario", body)

    def replay(self, file: str | Path, *, on_miss: OnMiss = "error") -> None:
        """Answer this key with the vectors of a recording.

        In a test, the file is looked for beside the test, then below pytest's root, then in the
        working directory. With the option ``--relace-mock-record``, the texts that it lacks are
        recorded from the upstream; a new file is created beside the test.

        ``on_miss`` decides about other texts: ``error`` answers 500, ``synthesize`` makes vectors
        up, ``forward`` asks the server's upstream. Raises ``SettingsError`` if there is no such
        file, and ``ServerError`` if the server refuses it.
        """
        path = Path(file)
        if self._records:
            folder = next(iter(self._folders), Path.cwd())
            try:
                path = _found(path, self._folders)
            except SettingsError:
                path = folder / path
            self._replay({"record": str(path.absolute())})
            return
        try:
            path = _found(path, self._folders)
        except SettingsError as error:
            raise SettingsError(
                f"{error}: make it with `pytest --relace-mock-record`, or with "
                "`relace-mock serve --upstream URL --record FILE`"
            ) from None
        self._replay({"replay": str(path.absolute()), "on_miss": on_miss})

    def _replay(self, body: dict[str, str]) -> None:
        answer = self._ask("PUT", "recording", body)
        self._replayed.update(each["file"] for each in answer["recordings"])

    def stop_replaying(self) -> None:
        """Answer this key with the vectors of the server's default again."""
        self._ask("DELETE", "recording")

    def recordings(self) -> list[dict[str, Any]]:
        """The recording of this key, with the vectors that were never used, as ``unused``.

        It counts what any key has used since the server opened the recording. The list is empty if
        the vectors are computed.
        """
        found: list[dict[str, Any]] = self._ask("GET", "recording")["recordings"]
        return found

    def stop(self) -> None:
        """Remove the scenario of this key. The key then follows the server's default."""
        self._ask("DELETE", "scenario")

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests of this key, oldest first.

        The server waits up to two seconds for pending exchanges.
        """
        return self.journal(settle=_SETTLE)

    def journal(self, **filters: str | int) -> list[RecordedRequest]:
        """The requests of this key that pass the filters of ``GET /_mock/requests``."""
        query = urlencode(filters)
        entries = self._ask("GET", f"requests?{query}" if query else "requests")["requests"]
        return [recorded(entry) for entry in entries]

    def verdict(self) -> Verdict:
        """Judge how the client behaved: contract, retries, waits."""
        self.journal(settle=_SETTLE, limit=1)
        answer = self._ask("GET", "verdict")
        findings = [Finding(**finding) for finding in answer["findings"]]
        return Verdict(answer["requests"], findings, complete=answer["complete"])

    def new_call(self) -> None:
        """Count attempts from 1 again: the next request is a new call, not a retry."""
        self._ask("POST", "new-call")

    def advance(self, seconds: float) -> None:
        """Move the clock of this key, and so its quota, without waiting.

        Raises ``TypeError`` for a value that is no number, ``SettingsError`` for ``nan`` and
        ``inf``, and ``ServerError`` for a number that the server refuses, such as -1.
        """
        _check_seconds(seconds)
        self._ask("POST", "clock", {"advance": seconds})

    def reset(self) -> None:
        """Return script, quota, clock and journal to their beginning."""
        self._ask("POST", "reset")

    def forget(self) -> None:
        """Let the server forget this key: scenario, script, quota, clock and journal."""
        self._ask("DELETE", "namespace")

    def position(self) -> dict[str, Any]:
        """The scenario of this key, and how often each step has answered."""
        answer: dict[str, Any] = self._ask("GET", "scenario")
        return answer

    def unused(self) -> list[str]:
        """The steps of the scenario that have not answered as often as their ``times``."""
        return [
            f"rule {rule['rule']}, step {number}: answered {step['given']} of {step['times']} times"
            for rule in self.position()["position"]
            for number, step in enumerate(rule["steps"])
            if step["given"] < (1 if step["times"] == "forever" else step["times"])
        ]

    def trace(self) -> bytes:
        """The journal of this key as one HTML file that needs no server."""
        status, answer = self._send("GET", "/_mock/trace", self._fields, b"")
        if status != 200:
            raise ServerError(f"the server at {self.base_url} gives no trace: status {status}")
        return answer

    def _ask(self, method: str, name: str, body: Any = None) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        return answered(self._send(method, f"/_mock/{name}", self._fields, content), self.base_url)
