"""One check of a client: it makes calls, and points the client at the mock."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from relace_contract.adapters.protocol import Adapter, Call, Ending, Identity, Said
from relace_contract.client.answers import StepJson, truth
from relace_contract.client.conversation import Conversation, Seen
from relace_contract.client.origin import Origin
from relace_contract.judgement import (
    UNCLAIMED_FEATURE,
    CannotRun,
    Departure,
    NotClaimed,
    NotExercised,
)
from relace_mock import RecordedRequest, RunningServer

#: Dimensions of the mock's vectors: few, because no check depends on their number.
DIMENSIONS = 32
#: Seconds that a call may take, if the check does not say.
_LIMIT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Settings that all checks of a run share. ``command`` is the user's command for the run."""

    server: RunningServer
    command: str
    seed: int = 0
    examples: int = 20


class Case:
    """One check of one client. Every call gets its own key, and so its own namespace.

    It is the subject of the runner, and reports what it noticed in passing.
    """

    def __init__(
        self, identity: str, setup: Setup, client: Identity, adapter: Callable[[], Adapter]
    ) -> None:
        self.setup = setup
        self._identity = identity
        self._client = client
        self._take = adapter
        self._adapter: Adapter | None = None
        self._calls = 0
        self._noticed: list[tuple[str, Departure]] = []
        self._abandoned = False
        self._waited = 0.0
        self._waiting_since: float | None = None
        self.silent = False

    # The methods for the runner.

    @property
    def waited(self) -> float:
        """Seconds spent waiting for other checks, which do not count as time of this one."""
        since = self._waiting_since
        return self._waited + (0.0 if since is None else time.monotonic() - since)

    def noticed(self) -> list[tuple[str, Departure]]:
        """Departures seen in passing since the last call of this method."""
        noticed, self._noticed = self._noticed, []
        return noticed

    def command(self, *identities: str) -> str:
        """The command that runs these checks again."""
        only = " ".join(f"--only {one}" for one in identities)
        return f"{self.setup.command} {only} --seed {self.setup.seed}"

    def abandon(self, thread: threading.Thread) -> None:  # noqa: ARG002 - there is one only
        """Kill the client of a check that took too long."""
        self._abandoned = True
        if self._adapter is not None:
            self._adapter.kill()

    def release(self) -> Adapter | None:
        """The client of this check, if another check can use it."""
        return None if self._abandoned else self._adapter

    # The methods for the checks.

    def needs(self, feature: str) -> None:
        """End the check if the client does not claim a feature."""
        if not self.claims(feature):
            raise NotClaimed(f"{UNCLAIMED_FEATURE} {feature!r}")

    @property
    def called(self) -> bool:
        """Whether the client was asked anything at all."""
        return self._adapter is not None

    def claims(self, feature: str) -> bool:
        """Whether the client says that it can do this."""
        return feature in self._client.features

    @contextlib.contextmanager
    def turn_on(self, lock: threading.Lock) -> Iterator[None]:
        """Hold a lock; the wait for it does not count as time of this check."""
        self._waiting_since = time.monotonic()
        with lock:
            self._waited, self._waiting_since = self.waited, None
            yield

    def key(self) -> str:
        """A key for one call that no other call has; the same in every run with this seed."""
        self._calls += 1
        words = f"{self._identity}/{self.setup.seed}/{self._calls}"
        return "rlc-" + hashlib.sha256(words.encode()).hexdigest()[:32]

    def play(self, texts: Sequence[str], *steps: StepJson, **wanted: Any) -> Conversation:
        """Make a call while the mock plays ``steps``; after them the mock answers normally.

        ``wanted`` are fields of ``Call``, or ``limit`` in seconds; ``base_url`` replaces the
        mock's.
        """
        return self.story(texts, {"steps": list(steps)} if steps else None, **wanted)

    def story(
        self, texts: Sequence[str], scenario: dict[str, Any] | None, **wanted: Any
    ) -> Conversation:
        """Make a call while the mock plays a whole scenario."""
        return self.series([(texts, wanted)], scenario)[0]

    def series(
        self, calls: Sequence[tuple[Sequence[str], dict[str, Any]]], scenario: Any
    ) -> list[Conversation]:
        """Make several calls with one key, while the mock plays one scenario."""
        mock = self.setup.server.control(self.key())
        if scenario is not None:
            scenario = {"name": self._identity.lower(), **scenario}
            mock.play(scenario)
        talks: list[Conversation] = []
        before = 0
        for texts, wanted in calls:
            fields = {"base_url": mock.base_url, **wanted}
            talk = self._call(texts, mock.api_key, "normally", _as_file(scenario), fields)
            seen = tuple(map(_seen, mock.requests))
            # Some checks test whether a later call arrives, so only the first call must.
            talks.append(self._judged(replace(talk, requests=seen[before:]), arrives=not talks))
            before = len(seen)
        return talks

    def ask(self, texts: Sequence[str], origin: Origin, **wanted: Any) -> Conversation:
        """Make a call to one of the kit's own servers."""
        talk = self._call(
            texts, self.key(), str(origin), "", {"base_url": origin.base_url, **wanted}
        )
        return self._judged(replace(talk, requests=origin.requests))

    def true(self, texts: Sequence[str], dtype: str = "float") -> tuple[list[list[float]], int]:
        """The mock's normal answer for these texts: vectors and tokens."""
        return truth(self.setup.server.base_url, tuple(texts), dtype)

    def _call(
        self,
        texts: Sequence[str],
        key: str,
        answers: str,
        scenario: str,
        wanted: dict[str, Any],
    ) -> Conversation:
        if self._abandoned:
            raise CannotRun("this check ran out of time")
        limit = wanted.pop("limit", _LIMIT)
        call = Call(api_key=key, input=tuple(texts), **wanted)
        if self._adapter is None:
            self._adapter = self._take()
        began = time.time()
        said = self._adapter.embed(call, limit)
        told = _without_key(said, key)
        talk = Conversation(call, answers, scenario, began, time.time(), told, ())
        for where, text in (("in its answer", said.raw), ("on its standard error", said.errors)):
            if key in text:
                self._noticed.append(("REQ-08", talk.departs(f"the API key is {where}")))
        return talk

    def _judged(self, talk: Conversation, *, arrives: bool = True) -> Conversation:
        """The conversation, unless the client failed to take part in it. Raises ``Departure``."""
        said = talk.said
        self.silent = said.ending is Ending.HANG
        if said.ending not in {Ending.OK, Ending.ERROR}:
            told = f"; on standard error: {said.errors[-300:]}" if said.errors else ""
            raise talk.departs(f"{said.ending.value}: {said.message}{told}")
        if arrives and talk.call.input and not talk.requests:
            raise NotExercised(
                "the server got no request with the key of this call", talk.evidence()
            )
        return talk


def _without_key(said: Said, key: str) -> Said:
    return replace(
        said,
        message=said.message.replace(key, "<the key>"),
        raw="",
        errors=said.errors.replace(key, "<the key>"),
    )


def _as_file(scenario: dict[str, Any] | None) -> str:
    """A scenario as the text of a file that the mock reads: JSON, which is also YAML."""
    if scenario is None:
        return ""
    text = json.dumps(scenario, ensure_ascii=False)
    # Use JSON escapes now: the escapes that a report would add later are not valid JSON.
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _seen(entry: RecordedRequest) -> Seen:
    query = entry.raw["request"]["query"]
    story = ", ".join(filter(None, [entry.fault, *entry.mutations]))
    status = "no answer" if entry.status is None else str(entry.status)
    return Seen(
        at=datetime.fromisoformat(entry.time).timestamp(),
        method=entry.method,
        target=f"{entry.path}?{query}" if query else entry.path,
        headers=tuple(entry.headers),
        body=entry.body,
        digest=entry.raw["request"]["xxh3_128"],
        answer=f"{status} ({story})" if story else status,
        problems=tuple(entry.violations),
        refused=entry.outcome == "refused",
    )
