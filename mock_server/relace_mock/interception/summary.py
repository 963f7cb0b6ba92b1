"""What a run has to say at its end: as text for people, and as JSON for tools."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from relace_mock.interception.tally import Tally

_SHOWN = 10  # names on a line
_NOT_CAUGHT = (
    "programs without an environment or with pinned certificates, and clients that neither follow "
    "proxy variables nor are in Python or Node, are not caught: see docs/run.md"
)


@dataclass(frozen=True, slots=True)
class Summary:
    """The end of a run.

    ``statuses`` counts the requests of the journal by status, ``None`` for those without an
    answer. ``dropped`` counts requests that the journal no longer has.
    """

    exit_code: int
    statuses: Counter[int | None]
    dropped: int
    verdict: Mapping[str, Any]
    tally: Tally

    @property
    def requests(self) -> int:
        """The number of requests to the mock."""
        return self.statuses.total() + self.dropped

    @property
    def nothing_came(self) -> bool:
        """Whether the command made no request to Relace."""
        return not self.requests and not self.tally.relace

    @property
    def ok(self) -> bool:
        """Whether ``--strict`` accepts this run."""
        return bool(self.requests) and bool(self.verdict["ok"])

    def lines(self) -> Iterator[str]:
        """The summary for people."""
        yield f"COMMAND ended with exit code {self.exit_code}"
        if self.nothing_came:
            yield f"COMMAND made no request to Relace ({_NOT_CAUGHT})"
        else:
            yield f"requests to Relace: {self._counted()}"
            yield from _row("hosts of Relace", self.tally.relace)
        yield from _row(
            "did not trust the certificate of this run, so was not caught", self.tally.distrusted
        )
        yield from _row("other hosts, passed on", self.tally.others)
        yield from _row("other hosts, not reached", self.tally.unreachable)
        yield from _row("other hosts, blocked", self.tally.blocked)
        yield from self._judged()

    def _counted(self) -> str:
        answered = sorted(each for each in self.statuses if each is not None)
        parts = [f"{self.statuses[status]} x {status}" for status in answered]
        if self.statuses[None]:
            parts.append(f"{self.statuses[None]} without an answer")
        if self.dropped:
            parts.append(f"{self.dropped} no longer in the journal")
        return f"{self.requests} ({', '.join(parts)})" if parts else "0 (the journal was emptied)"

    def _judged(self) -> Iterator[str]:
        if self.nothing_came:
            yield "verdict: none, as nothing came"
            return
        yield f"verdict: {'ok' if self.verdict['ok'] else 'NOT ok'}"
        for finding in self.verdict["findings"]:
            numbers = ", ".join(map(str, finding["requests"]))
            where = f" (request {numbers})" if numbers else ""
            yield f"  {finding['level']}: {finding['rule']}: {finding['message']}{where}"

    def as_json(self) -> bytes:
        """The summary for tools."""
        tally = self.tally
        answered = {str(status): n for status, n in self.statuses.items() if status is not None}
        return (
            json.dumps(
                {
                    "exit_code": self.exit_code,
                    "requests": {
                        "total": self.requests,
                        "by_status": dict(sorted(answered.items())),
                        "without_answer": self.statuses[None],
                        "dropped": self.dropped,
                    },
                    "hosts": {
                        "relace": tally.relace,
                        "distrusted": tally.distrusted,
                        "passed_on": tally.others,
                        "unreachable": tally.unreachable,
                        "blocked": tally.blocked,
                    },
                    "verdict": None if self.nothing_came else self.verdict,
                },
                indent=2,
            ).encode()
            + b"\n"
        )


def _row(label: str, names: Counter[str]) -> Iterator[str]:
    if names:
        shown = [f"{name} ({count})" for name, count in names.most_common(_SHOWN)]
        more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield f"{label}: {', '.join(shown)}{more}"
