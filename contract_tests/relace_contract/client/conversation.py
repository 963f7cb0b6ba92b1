"""One call of a client: its arguments, the requests that arrived, and the client's answer."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from relace_contract.adapters.protocol import Call, Ending, Said
from relace_contract.counts import counted
from relace_contract.foreign_text import brief, cut
from relace_contract.judgement import Departure, Evidence, NotExercised

#: The most requests that a finding shows, and the most characters of one answer.
_REQUESTS = 12
_SHOWN = 600
#: A longer scenario is not shown in the text of a finding; reports in files have it.
_PLAYED = 4000


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived, and its answer. ``at`` is Unix time in seconds.

    ``body`` may be cut; ``digest`` is the hash of the whole body. ``refused`` says that the mock
    itself refused the request, and played no scenario.
    """

    at: float
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: str
    digest: str
    answer: str
    problems: tuple[str, ...] = ()
    refused: bool = False

    def header(self, name: str) -> list[str]:
        """All values of a header field."""
        return [value for field, value in self.headers if field.lower() == name]

    def json(self) -> Any:
        """The parsed body, or None if it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def texts(self) -> list[Any]:
        """The texts to embed. A lone string is one text here; REQ-04 reports its form."""
        content = self.json()
        texts = content.get("input") if isinstance(content, dict) else None
        if isinstance(texts, str):
            return [texts]
        return texts if isinstance(texts, list) else []


@dataclass(frozen=True, slots=True)
class Conversation:
    """A call, the requests that it led to, and the client's answer.

    ``answers`` describes the answers of the server. ``scenario`` is the scenario file that the mock
    played; empty if it played none. ``began`` and ``ended`` are the Unix times of the call and of
    the client's answer, from the same clock as the times of the requests.
    """

    call: Call
    answers: str
    scenario: str
    began: float
    ended: float
    said: Said
    requests: tuple[Seen, ...]

    @property
    def embeddings(self) -> list[list[Any]]:
        """The vectors that the client returned. Raises ``Departure`` if the call failed."""
        if self.said.ending is not Ending.OK:
            raise self._ended_wrong(f"the call must succeed, but ended with {self.said}")
        return self.said.embeddings

    @property
    def gaps(self) -> list[float]:
        """Seconds between each request and the next."""
        times = [seen.at for seen in self.requests]
        return [later - earlier for earlier, later in itertools.pairwise(times)]

    @property
    def spoiled_by(self) -> str:
        """The fault of a request that no answer could make good; empty if there is none."""
        if not self.call.input:
            return ""  # the client should send no request then
        for seen in self.requests:
            if seen.refused:
                return f"the mock refused the client's request with {seen.answer}" + "".join(
                    f": {problem}" for problem in seen.problems[-1:]
                )
            body = seen.json()
            if isinstance(body, dict) and body.get("model") != self.call.model:
                return "the client asked for another model, which has other vectors"
        refused = self.said.ending is Ending.ERROR and self.said.status == 401
        if refused and not any("401" in seen.answer for seen in self.requests):
            return "a request of this call came without its key and got a 401"
        return ""

    def gives(self, vectors: Sequence[Sequence[Any]], tokens: int | None = None) -> None:
        """Fail unless the client returned these vectors, compared as binary64, and ``tokens``."""
        if len(self.embeddings) != len(vectors):
            raise self._ended_wrong(
                f"the client must return {counted(len(vectors), 'vector')}, "
                f"not {len(self.embeddings)}"
            )
        for place, (found, true) in enumerate(zip(self.embeddings, vectors, strict=True)):
            if not _same(found, true):
                other = next((n for n, row in enumerate(vectors) if _same(found, row)), None)
                which = f"the vector of text {other}" if other is not None else _brief(found)
                raise self._ended_wrong(
                    f"text {place} must get {_brief(true)}, not {which}",
                    "texts get each other's vectors"
                    if other is not None
                    else "the vectors are not those of the answer",
                )
        if tokens is not None and self.said.total_tokens != tokens:
            raise self._ended_wrong(f"total_tokens must be {tokens}, not {self.said.total_tokens}")

    def fails(self, *kinds: str, status: int | None = None, says: str = "") -> None:
        """Fail unless the client reported an error of one of these kinds; of any if none is given.

        Its message must contain ``says``.
        """
        said = self.said
        wanted = " or ".join(kinds)
        if said.ending is not Ending.ERROR:
            which = f" ({wanted})" if kinds else ""
            raise self._ended_wrong(
                f"the call must end with an error{which}, but ended with {said.ending.value}"
            )
        if kinds and said.kind not in kinds:
            raise self._ended_wrong(f"the kind of the error must be {wanted}, not {said.kind}")
        if status is not None and said.status != status:
            raise self._ended_wrong(
                f"the status of the error must be {status}, not {said.status}",
                "errors have no status" if said.status is None else "",
            )
        if says not in said.message:
            raise self._ended_wrong(
                f"the error message must contain the server's message {says!r}",
                "error messages lack the server's message",
            )

    def asked(self, times: int) -> None:
        """Fail unless exactly this many requests arrived."""
        if len(self.requests) != times:
            raise self._ended_wrong(f"{_requests(times)} must arrive, not {len(self.requests)}")

    def departs(self, problem: str, cause: str = "") -> Departure:
        """A departure with the whole conversation as evidence."""
        return Departure(problem, self.evidence(), cause=cause)

    def _ended_wrong(self, problem: str, cause: str = "") -> Departure:
        """The departure for a wrong end of the call.

        If a fault of the client's requests explains the end, it is the cause: the check of the
        requests reports it, and this check could not be exercised.
        """
        if self.spoiled_by:
            return NotExercised(self.spoiled_by, self.evidence())
        return self.departs(problem, cause)

    def evidence(self) -> Evidence:
        """The conversation, as a finding shows it."""
        message = {
            name: value
            for name, value in self.call.message().items()
            if name not in {"api_key", "cmd", "base_url"}
        }
        shown = brief(json.dumps(message, ensure_ascii=True))
        # Clocks round, and may be adjusted: the times that are shown must not run backwards.
        times = list(
            accumulate([self.began, *(seen.at for seen in self.requests), self.ended], max)
        )
        lines = [self._line(seen, at) for seen, at in zip(self.requests, times[1:-1], strict=True)][
            :_REQUESTS
        ]
        if len(self.requests) > _REQUESTS:
            lines.append(f"… {counted(len(self.requests) - _REQUESTS, 'more request')}")
        end = f"{times[-1] - self.began:7.3f} s  the client said: {self.said}"
        return Evidence(
            f"embed {shown}\n{self._server()}",
            "\n".join([*lines, *([] if lines else ["        no request arrived"]), end]),
            scenario=self.scenario,
        )

    def _server(self) -> str:
        """A line about the server; a scenario is shown whole, so that ``serve`` can play it."""
        if not self.scenario:
            return f"the server answers {cut(self.answers, _SHOWN)}"
        if len(self.scenario) <= _PLAYED:
            return f"the server plays {self.scenario}"
        return (
            f"the server plays a scenario of {len(self.scenario):,} characters, which "
            "--report FILE.json or FILE.html shows in full"
        )

    def _line(self, seen: Seen, at: float) -> str:
        texts = f", {counted(len(seen.texts), 'text')}" if seen.texts else ""
        return (
            f"{at - self.began:7.3f} s  {seen.method} {seen.target}{texts} → "
            f"{cut(seen.answer, _SHOWN)}{''.join(f'; {problem}' for problem in seen.problems)}"
        )


def _requests(count: int) -> str:
    return "exactly one request" if count == 1 else f"{count} requests"


def _same(found: Sequence[Any], true: Sequence[Any]) -> bool:
    return len(found) == len(true) and all(
        isinstance(one, (int, float)) and not isinstance(one, bool) and float(one) == float(other)
        for one, other in zip(found, true, strict=True)
    )


def _brief(vector: Sequence[Any]) -> str:
    return cut(json.dumps(list(vector[:4]))[:-1], _SHOWN) + (", …]" if len(vector) > 4 else "]")
