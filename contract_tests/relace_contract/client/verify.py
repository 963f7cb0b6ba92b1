"""A whole run against a client: checks in parallel, each with a client and keys of its own."""

from __future__ import annotations

import contextlib
import queue
import shlex
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

import relace_mock
from relace_contract import requirements
from relace_contract.adapters.command import Command
from relace_contract.adapters.in_process import InProcess, load
from relace_contract.adapters.protocol import Adapter, AdapterError, Identity
from relace_contract.adapters.stdio import Stdio
from relace_contract.client import trust
from relace_contract.client.case import DIMENSIONS, Case, Settings
from relace_contract.client.catalogue import Check, chosen
from relace_contract.finding import CannotRun, Finding, Report, Result, not_run
from relace_contract.policy import Policy
from relace_contract.reports.text import Progress
from relace_contract.requirements import Requirement, select
from relace_contract.runner import STOPPED, Run, Terms

#: Checks in a row whose client hung, after which the rest is not tried.
_SILENCE = 4
_FINDINGS = 2  # of one requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command was asked for. ``way`` is how ``client`` is driven."""

    way: Literal["stdio", "command", "python"]
    client: str
    features: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()
    policy: Policy | None = None
    strict: bool = False
    seed: int = 0
    examples: int = 20
    timeout: float = 30.0
    jobs: int = 6
    #: Certificates that the environment of the client names, so that it trusts them.
    cacert: Path | None = None
    #: The other options of the command that checks this client again, as they are typed.
    options: str = ""

    @property
    def again(self) -> str:
        """The command, without which checks and which seed."""
        features = "".join(f" --feature {one}" for one in self.features)
        client = f"--{self.way} {shlex.quote(self.client)}{features}"
        return f"relace-mock verify-client {client} {self.options}".rstrip()

    def adapter(self) -> Adapter:
        """A driver of the client. Raises ``AdapterError``."""
        match self.way:
            case "stdio":
                return Stdio(self.client)
            case "command":
                return Command(self.client, self.features)
            case "python":
                return InProcess(load(self.client))


def verify(
    wanted: Wanted,
    say: Callable[[str], None],
    adapter: Callable[[], Adapter] | None = None,
) -> Report:
    """Run the checks that are wanted. ``say`` prints a line while it runs.

    ``adapter`` makes a driver, if not the one that ``wanted`` names. Raises ``CannotRun``
    where there is no client to check, and ``ValueError`` for a check that does not exist.
    """
    checks = chosen(wanted.only)
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        stack.enter_context(trust.told(wanted.cacert))
        clients = stack.enter_context(_Clients(adapter or wanted.adapter))
        say(f"{clients.identity}: {len(checks)} checks, {wanted.jobs} at a time")
        server = stack.enter_context(
            relace_mock.running(
                thread=True,  # starts faster
                dimensions=DIMENSIONS,
                journal_size=100_000,
                journal_bytes=200_000_000,
                max_namespaces=100_000,
            )
        )
        settings = Settings(
            server=server, command=wanted.again, seed=wanted.seed, examples=wanted.examples
        )
        progress = Progress(len(checks))
        stack.callback(progress.end)
        runs = _Runs(clients, settings, wanted, progress)
        complete = runs.all(checks)
    results = runs.results()
    if not complete:
        asked = requirements.requirements("client")
        named = [asked[one] for one in select("client", wanted.only)]
        return not_run(wanted.client, wanted.seed, named, STOPPED, results)
    facts = (f"client: {clients.identity}; claims {_spoken(clients.identity.features)}",)
    return Report(wanted.client, wanted.seed, results, time.monotonic() - started, facts)


def _spoken(features: frozenset[str]) -> str:
    return ", ".join(sorted(features)) or "nothing"


class _Clients:
    """Client processes: as many as checks run at a time, each used by one check at a time."""

    def __init__(self, make: Callable[[], Adapter]) -> None:
        self._make = make
        self._idle: queue.SimpleQueue[Adapter] = queue.SimpleQueue()
        self._all: list[Adapter] = []
        try:
            first = self._made()
            self.identity: Identity = first.start()
        except AdapterError as error:
            raise CannotRun(f"the client cannot be checked: {error}") from None
        self._idle.put(first)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with ThreadPoolExecutor(max_workers=8) as pool:  # each may take a moment to end
            list(pool.map(lambda client: client.close(), self._all))

    def take(self) -> Adapter:
        """A client that no other check uses; started when it is first called."""
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return self._made()

    def give_back(self, client: Adapter | None) -> None:
        """Let other checks have a client."""
        if client is not None:
            self._idle.put(client)

    def _made(self) -> Adapter:
        client = self._make()
        self._all.append(client)
        return client


class _Runs:
    """Every check is a run of its own; their results become one list."""

    def __init__(
        self, clients: _Clients, settings: Settings, wanted: Wanted, progress: Progress
    ) -> None:
        self._clients = clients
        self._settings = settings
        self._wanted = wanted
        self._progress = progress
        self._terms = Terms(
            policy=wanted.policy or Policy(),
            known=wanted.known,
            strict=wanted.strict,
            deadline=wanted.timeout,
        )
        self._asked = requirements.requirements("client")
        self._lock = threading.Lock()
        self._silence = 0
        self._running: set[Case] = set()
        self._found: list[Result] = []
        self._stopped = False

    def all(self, checks: dict[str, Check]) -> bool:
        """Run them, ``jobs`` at a time. False if Ctrl-C ended that before its end."""
        with ThreadPoolExecutor(max_workers=self._wanted.jobs) as pool:
            try:
                list(pool.map(lambda item: self._one(*item), checks.items()))
            except BaseException as error:  # what runs would run on
                self._stopped = True
                pool.shutdown(wait=False, cancel_futures=True)
                for case in list(self._running):
                    case.abandon(threading.current_thread())
                if not isinstance(error, KeyboardInterrupt):
                    raise
        return not self._stopped

    def results(self) -> tuple[Result, ...]:
        """What was found by now, a result for each requirement."""
        return tuple(self._joined(self._found))

    def _one(self, identity: str, check: Check) -> None:
        case = Case(identity, self._settings, self._clients.identity, self._clients.take)
        self._running.add(case)
        run = Run(case, self._asked, self._terms)
        given_up = self._silence >= _SILENCE
        if given_up:
            result = run.skip(self._asked[identity], "the client stopped answering before it")
        else:
            result = run.check(self._asked[identity], check)
        with self._lock:
            if case.called and not given_up:
                self._silence = self._silence + 1 if case.silent else 0
            self._progress(result)
            if not self._stopped:  # a check that was cut off has nothing to say
                self._found += run.results([identity])
        self._running.discard(case)
        self._clients.give_back(case.release())

    def _joined(self, results: list[Result]) -> Iterator[Result]:
        """One result for each requirement: what others noticed in passing is added to its own."""
        for requirement in self._asked.values():
            own = [result for result in results if result.requirement is requirement]
            if own:
                yield self._merged(requirement, own)

    def _merged(self, requirement: Requirement, own: list[Result]) -> Result:
        findings: tuple[Finding, ...] = tuple(
            finding for result in own for finding in result.findings
        )[:_FINDINGS]
        best = max(own, key=lambda result: (result.seconds, result.note))
        if not findings:
            return best
        outcome = self._terms.judge(requirement, findings)
        return replace(best, outcome=outcome, findings=findings)
