"""A whole run against a server, and its form for the live service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from relace_contract import requirements
from relace_contract.finding import CannotRun, Report
from relace_contract.policy import NOTHING, Policy
from relace_contract.reports.text import Progress
from relace_contract.runner import Check, Terms, run
from relace_contract.server import reach
from relace_contract.server.catalogue import chosen
from relace_contract.server.pace import Pace
from relace_contract.server.subject import Server, Settings

#: Seconds that the first answer may take; a live service may have to wake up.
FIRST, _FIRST_LIVE = 10.0, 60.0
#: Seconds between two requests to the live service, and what one 429 of it may cost.
_GAP, _PATIENCE, _ENDURANCE = 1.0, 130.0, 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command was asked for."""

    url: str
    api_key: str | None = field(default=None, repr=False)
    bad_key: str | None = field(default=None, repr=False)
    only: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()
    policy: Policy | None = None
    strict: bool = False
    live: bool = False
    cacert: Path | None = None
    seed: int = 0
    examples: int = 20
    timeout: float = 30.0
    #: Options that a command which reproduces a finding needs besides, as they are typed.
    options: str = ""

    @property
    def settings(self) -> Settings:
        """How the server is reached and looked at."""
        return Settings(
            base_url=self.url,
            api_key=self.api_key,
            bad_key=self.bad_key,
            seed=self.seed,
            examples=self.examples,
            policy=self._claimed,
            live=self.live,
            cacert=self.cacert,
            options=self.options,
        )

    @property
    def terms(self) -> Terms:
        """How findings are judged."""
        return Terms(
            policy=self._claimed,
            known=self.known,
            strict=self.strict,
            live=self.live,
            deadline=self.timeout,
        )

    @property
    def _claimed(self) -> Policy:
        return self.policy or (NOTHING if self.live else Policy())


def verify(wanted: Wanted, say: Callable[[str], None], pace: Pace | None = None) -> Report:
    """Run the checks that are wanted. ``say`` prints a line while it runs.

    Raises ``CannotRun`` where there is nothing that could be checked, and ``ValueError`` for a
    check that does not exist.
    """
    asked = requirements.requirements("server")
    checks = chosen(wanted.only)
    for name, key in (("--api-key", wanted.api_key), ("--bad-key", wanted.bad_key)):
        if key is not None and (not key.isascii() or not key.isprintable() or key.split() != [key]):
            raise ValueError(f"{name} must be ASCII characters without blanks")
    if wanted.live:
        checks, pace = _for_live(wanted, checks, say, pace)
    with Server(wanted.settings, pace) as server:
        first = _FIRST_LIVE if wanted.live else min(FIRST, wanted.timeout)
        if not reach.probe(server, first):
            say(f"{wanted.url} answers, but not as an embed endpoint: nothing else is tried")
            checks = {"REACH-200": reach.reached}
        progress = Progress(len(checks))
        try:
            return run(
                server,
                checks,
                asked,
                wanted.terms,
                name=wanted.url,
                seed=wanted.seed,
                progress=progress,
            )
        finally:
            progress.end()


def _for_live(
    wanted: Wanted, checks: Mapping[str, Check], say: Callable[[str], None], pace: Pace | None
) -> tuple[dict[str, Check], Pace]:
    """The checks that the live service is asked, and how slowly."""
    if wanted.api_key is None:
        raise CannotRun("the live service needs a key: --api-key or RELACE_API_KEY")
    asked = requirements.requirements("server")
    claimed = wanted.terms.policy
    kept = {
        identity: check
        for identity, check in checks.items()
        if asked[identity].live and claimed.covers(asked[identity])
    }
    if not kept:
        raise CannotRun("none of these checks is run against the live service")
    # The first request, which all checks share, is one more.
    budget = 1 + sum(asked[identity].live for identity in kept)
    say(
        f"{len(kept)} checks of {wanted.url}, with at most {budget} requests, one at a time, "
        f"{_GAP:g} s apart; a 429 is waited out. Only what is documented can fail."
    )
    pace = pace or Pace(gap=_GAP, patience=_PATIENCE, endurance=_ENDURANCE)
    pace.budget = budget
    return kept, pace
