"""A whole run against a server, and its slower form for the live service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from relace_contract import requirements
from relace_contract.counts import counted
from relace_contract.judgement import UNCLAIMED_POLICY, CannotRun, Report
from relace_contract.reports.progress import Progress
from relace_contract.runner import Check, run
from relace_contract.server import reach
from relace_contract.server.catalogue import CHECKS
from relace_contract.server.options import ServerOptions
from relace_contract.server.pace import Pace
from relace_contract.server.subject import Server

#: Seconds that the first answer may take; the live service may have to start up.
FIRST, _FIRST_LIVE = 10.0, 60.0
#: For the live service: seconds between two requests, the most seconds to wait for one 429, and
#: the most seconds to wait in the whole run.
_GAP, _PATIENCE, _ENDURANCE = 1.0, 130.0, 1800.0


def verify(options: ServerOptions, say: Callable[[str], None], pace: Pace | None = None) -> Report:
    """Run the checks that ``options`` name. ``say`` prints a line about the run.

    Raises ``CannotRun`` if there is nothing to check, and ``ValueError`` for a check that does not
    exist, or a key with blanks or with characters other than ASCII.
    """
    asked = requirements.requirements("server")
    checks = requirements.among(CHECKS, "server", options.only)
    for name, key in (("--api-key", options.api_key), ("--bad-key", options.bad_key)):
        if key is not None and (not key.isascii() or not key.isprintable() or key.split() != [key]):
            raise ValueError(f"{name} must be ASCII characters without blanks")
    if options.live:
        checks, pace = _for_live(options, checks, say, pace)
    with Server(options, pace) as server:
        first = _FIRST_LIVE if options.live else min(FIRST, options.timeout)
        if not reach.probe(server, first):
            say(f"{options.url} answers, but not as an embed endpoint, so only REACH-200 is run")
            checks = {"REACH-200": reach.reached}
        progress = Progress(len(checks))
        try:
            report = run(
                server,
                checks,
                asked,
                options.terms,
                name=options.url,
                seed=options.seed,
                progress=progress,
            )
        finally:
            progress.end()
    return options.secrets.hide(replace(report, advice=_advice(report)))


def _advice(report: Report) -> tuple[str, ...]:
    """What the user can do next."""
    unclaimed = sum(one.note == UNCLAIMED_POLICY for one in report.results)
    if not unclaimed:
        return ()
    advice = (
        f"{counted(unclaimed, 'policy', 'policies')} not checked: list those that the server keeps "
        "under `claims` in --policy FILE"
    )
    return (advice,)


def _for_live(
    options: ServerOptions,
    checks: Mapping[str, Check],
    say: Callable[[str], None],
    pace: Pace | None,
) -> tuple[dict[str, Check], Pace]:
    """The checks for the live service, and the pace of their requests."""
    if options.api_key is None:
        raise CannotRun("the live service needs a key: give it with --api-key or RELACE_API_KEY")
    asked = requirements.requirements("server")
    claimed = options.terms.policy
    kept = {
        identity: check
        for identity, check in checks.items()
        if asked[identity].live and claimed.covers(asked[identity])
    }
    if not kept:
        raise CannotRun("none of the selected checks runs with --live")
    # One more for the first request, which all checks share.
    budget = 1 + sum(asked[identity].live for identity in kept)
    say(
        f"{counted(len(kept), 'check')} of {options.url}, with at most {budget} requests, one at a time, "
        f"{_GAP:g} s apart; after a 429 it waits. Only documented requirements can fail."
    )
    pace = pace or Pace(gap=_GAP, patience=_PATIENCE, endurance=_ENDURANCE)
    pace.budget = budget
    return kept, pace
