"""The summary at the end of a run: as text for people, and as JSON for tools."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from relace_mock.interception.tally import Tally

_SHOWN = 10  # names on a line
_NOT_CAUGHT = (
    (
        "the mock cannot see the requests of a client with pinned certificates, of a program that was "
        "started without this environment, and, in languages other than Python and JavaScript, of a "
        "client that ignores HTTPS_PROXY"
    ),
    "if COMMAND uses Relace, see docs/run.md",
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
        """Whether ``--strict`` accepts the run: requests came, none was missed, verdict ok."""
        return bool(self.requests) and not self.tally.distrusted and bool(self.verdict["ok"])

    def lines(self) -> Iterator[str]:
        """The summary for people."""
        yield f"COMMAND ended with exit code {self.exit_code}"
        if self.nothing_came:
            yield "COMMAND made no request to Relace"
            yield from _NOT_CAUGHT
        else:
            yield f"requests to Relace: {self._counted()}"
            yield from _row("connections to Relace", self.tally.relace)
        yield from _row(
            "connections that did not reach the mock, because the client did not trust its certificate",
            self.tally.distrusted,
        )
        yield from _row(
            "connections to Relace without a request, perhaps because the client did not trust the "
            "certificate",
            self.tally.silent,
        )
        yield from _row("connections to other hosts", self.tally.others)
        yield from _row("other hosts that were not reached", self.tally.unreachable)
        yield from _row("other hosts that were blocked", self.tally.blocked)
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
                        "silent": tally.silent,
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
