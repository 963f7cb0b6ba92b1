"""A whole run against a client: checks in parallel, each with its own client process and keys."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Self

import relace_mock
from relace_contract import requirements
from relace_contract.adapters.protocol import FEATURES, Adapter, AdapterError, Identity
from relace_contract.client import trust
from relace_contract.client.case import DIMENSIONS, Case, Setup
from relace_contract.client.catalogue import CHECKS
from relace_contract.client.options import ClientOptions
from relace_contract.counts import counted
from relace_contract.judgement import UNCLAIMED_FEATURE, Breach, CannotRun, Report, Result, not_run
from relace_contract.reports.progress import Progress
from relace_contract.requirements import Requirement, select
from relace_contract.runner import STOPPED, Check, Run

#: After this many checks in a row in which the client hung, the rest are not tried.
_SILENCE = 4
_FINDINGS = 2  # kept for one requirement
_NAMED = 5  # at most, of the processes that a client left behind


def verify(
    options: ClientOptions,
    say: Callable[[str], None],
    adapter: Callable[[], Adapter] | None = None,
) -> Report:
    """Run the checks that ``options`` name. ``say`` prints a line when the checks start.

    ``adapter`` makes a driver instead of the one in ``options``. Raises ``CannotRun`` if there
    is no client to check, and ``ValueError`` for a check that does not exist.
    """
    checks = requirements.among(CHECKS, "client", options.only)
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        stack.enter_context(trust.told(options.cacert))
        clients = stack.enter_context(_Clients(adapter or options.adapter))
        say(f"{clients.identity}: {counted(len(checks), 'check')}, {options.jobs} at a time")
        server = stack.enter_context(
            relace_mock.running(
                thread=True,  # starts faster
                dimensions=DIMENSIONS,
                journal_size=100_000,
                journal_bytes=200_000_000,
                max_namespaces=100_000,
            )
        )
        setup = Setup(
            server=server, command=options.again, seed=options.seed, examples=options.examples
        )
        progress = Progress(len(checks))
        stack.callback(progress.end)
        runs = _Runs(clients, setup, options, progress)
        complete = runs.all(checks)
    results = runs.results()
    if not complete:
        asked = requirements.requirements("client")
        named = [asked[one] for one in select("client", options.only)]
        return not_run(str(clients.identity), options.seed, named, STOPPED, results)
    who = clients.identity
    claims = ", ".join(sorted(who.features)) or "nothing"
    facts = (f"client: {options.way} {options.client}; claims {claims}", *clients.survivors())
    seconds = time.monotonic() - started
    return Report(str(who), options.seed, results, seconds, facts, _advice(options, who, results))


def _advice(options: ClientOptions, client: Identity, results: Iterable[Result]) -> tuple[str, ...]:
    """Advice about checks that the client does not claim."""
    missing = [one for one in FEATURES if one not in client.features]
    count = sum(one.note.startswith(UNCLAIMED_FEATURE) for one in results)
    if not count:
        return ()
    how = "with --feature WORD" if options.way == "command" else 'to its "features"'
    checks = counted(count, "check")
    advice = (
        f"{checks} not run, as the client does not claim their features: add those that it has "
        f"({', '.join(missing)}) {how}"
    )
    return (advice,)


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
        with ThreadPoolExecutor(max_workers=8) as pool:  # a client may take a moment to exit
            list(pool.map(lambda client: client.close(), self._all))

    def take(self) -> Adapter:
        """A client that no other check uses; its process starts with its first call."""
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return self._made()

    def give_back(self, client: Adapter | None) -> None:
        """Let other checks use a client."""
        if client is not None:
            self._idle.put(client)

    def survivors(self) -> tuple[str, ...]:
        """A line that names the processes that clients left running, if there are any."""
        left = sorted({name for client in self._all for name in client.left})
        if not left:
            return ()
        more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        return (f"still running, left behind by the client: {', '.join(left[:_NAMED])}{more}",)

    def _made(self) -> Adapter:
        client = self._make()
        self._all.append(client)
        return client


class _Runs:
    """Runs every check as its own ``Run``, and merges the results."""

    def __init__(
        self, clients: _Clients, setup: Setup, options: ClientOptions, progress: Progress
    ) -> None:
        self._clients = clients
        self._setup = setup
        self._options = options
        self._progress = progress
        self._terms = options.terms
        self._asked = requirements.requirements("client")
        self._lock = threading.Lock()
        self._silence = 0
        self._running: set[Case] = set()
        self._found: list[Result] = []
        self._stopped = False

    def all(self, checks: Mapping[str, Check]) -> bool:
        """Run the checks, ``jobs`` at a time. False if Ctrl-C stopped the run early."""
        with ThreadPoolExecutor(max_workers=self._options.jobs) as pool:
            try:
                list(pool.map(lambda item: self._one(*item), checks.items()))
            except BaseException as error:  # else the checks in other threads would go on
                self._stopped = True
                pool.shutdown(wait=False, cancel_futures=True)
                for case in list(self._running):
                    case.abandon(threading.current_thread())
                if not isinstance(error, KeyboardInterrupt):
                    raise
        return not self._stopped

    def results(self) -> tuple[Result, ...]:
        """The results so far, one for each requirement."""
        return tuple(self._joined(self._found))

    def _one(self, identity: str, check: Check) -> None:
        case = Case(identity, self._setup, self._clients.identity, self._clients.take)
        self._running.add(case)
        run = Run(case, self._asked, self._terms)
        given_up = self._silence >= _SILENCE
        if given_up:
            result = run.skip(
                self._asked[identity],
                "not tried, because the client had stopped answering in earlier checks",
            )
        else:
            result = run.check(self._asked[identity], check)
        with self._lock:
            if case.called and not given_up:
                self._silence = self._silence + 1 if case.silent else 0
            self._progress(result)
            if not self._stopped:  # the result of an interrupted check means nothing
                self._found += run.results([identity])
        self._running.discard(case)
        self._clients.give_back(case.release())

    def _joined(self, results: list[Result]) -> Iterator[Result]:
        """One result for each requirement, with what other checks noticed about it in passing."""
        for requirement in self._asked.values():
            own = [result for result in results if result.requirement is requirement]
            if own:
                yield self._merged(requirement, own)

    def _merged(self, requirement: Requirement, own: list[Result]) -> Result:
        breaches: tuple[Breach, ...] = tuple(
            breach for result in own for breach in result.breaches
        )[:_FINDINGS]
        best = max(own, key=lambda result: (result.seconds, result.note))
        if not breaches:
            return best
        judgement = self._terms.judge(requirement, breaches)
        return replace(best, judgement=judgement, breaches=breaches)
