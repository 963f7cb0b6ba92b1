"""The last stages before delivery: results, and the reply that a ruling asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from relace_mock.messages import EmbedRequest, RankRequest, Reply, Request
from relace_mock.refusals import Refusal
from relace_mock.rendering import (
    embed,
    error,
    mutated,
    rank,
    refused,
    scripted,
    success,
    with_fields,
)
from relace_mock.scenario.faults import FAULTS, Fault
from relace_mock.scenario.faults.connection import Measure
from relace_mock.state import quota
from relace_mock.state.ruling import Ruling
from relace_mock.vectors.ranking import Ranker, most_numbers
from relace_mock.vectors.rows import Embedder

if TYPE_CHECKING:
    from relace_mock.scenario.step import Step
    from relace_mock.settings import Settings

#: The reply of a fault that sends none.
NEVER_SENT = Reply(0, (), ())


class Answer(NamedTuple):
    """A reply, and how it is delivered.

    ``delay`` is in real seconds. A drip or a hang lasts ``time_scale`` times as long as without it.
    ``tokens`` is None if the reply has no results.
    """

    reply: Reply
    step: Step | None = None
    delay: float = 0.0
    time_scale: float = 1.0
    tokens: int | None = None

    @property
    def fault(self) -> Fault | None:
        """The fault that disturbs the delivery, if there is one."""
        return FAULTS[self.step.fault] if self.step and self.step.fault else None

    @property
    def measure(self) -> Measure:
        """The strength of the fault. Defaults: half of the body, 1,024 bytes a second."""
        step = self.step
        at = 0.5 if step is None or step.at is None else step.at
        bytes_per_second = (step.bytes_per_second if step else None) or 1024.0
        return Measure(at, bytes_per_second / self.time_scale)


class Answers:
    """Makes answers. Safe to use from several threads.

    ``has_sockets`` says that faults which need a socket can be performed.
    """

    def __init__(self, settings: Settings, *, has_sockets: bool) -> None:
        self.embedder = Embedder(settings)
        self._ranker = Ranker(settings)
        self._dimensions = settings.dimensions
        self._has_sockets = has_sockets
        self._time_scale = settings.time_scale
        self._reset_form = settings.rate_limit_reset

    def numbers(self, request: Request) -> int:
        """About how many numbers must be computed to answer a valid request, at most."""
        if isinstance(request, RankRequest):
            return most_numbers(request)
        return len(request.input) * (request.dimensions or self._dimensions)

    def to(self, ruling: Ruling, is_abandoned: Callable[[], bool]) -> Answer:
        """Make the answer that the ruling asks for, with its results.

        Once ``is_abandoned`` is true, nobody waits for the answer, and it may be wrong.
        """
        decision = ruling.decision
        if decision.step and (problem := self.problem_with([decision.step])):
            return Answer(error(500, problem))
        reply, tokens = self._reply(ruling, is_abandoned)
        delay = decision.delay * self._time_scale
        return Answer(reply, decision.step, delay, self._time_scale, tokens)

    def problem_with(self, steps: Iterable[Step]) -> str | None:
        """Why these steps cannot be performed here; None if they can."""
        faults = {step.fault for step in steps if step.fault and FAULTS[step.fault].needs_socket}
        if self._has_sockets or not faults:
            return None
        return (
            f"{', '.join(sorted(faults))}: relace_mock.app() has no socket, which this needs: "
            "use relace_mock.running() or `relace-mock serve`"
        )

    def _reply(self, ruling: Ruling, is_abandoned: Callable[[], bool]) -> tuple[Reply, int | None]:
        """The reply with the header fields of quota and step, and its number of tokens."""
        step, tokens = ruling.decision.step, None
        if ruling.preferred is not None and ruling.preferred != 200:
            reply = scripted(ruling.preferred, None)
        elif step is not None and step.status is not None:
            reply = scripted(step.status, step.fixed_body)
        elif step is not None and step.fault and not FAULTS[step.fault].sends_head:
            reply = NEVER_SENT
        elif isinstance(ruling.outcome, Refusal):
            reply = refused(ruling.outcome)
        else:
            names = step.mutate if step else ()
            if isinstance(ruling.outcome, RankRequest):
                reply, tokens = self._ranked(ruling.outcome, names, is_abandoned)
            else:
                reply, tokens = self._embedded(ruling.outcome, names)
        fields = ruling.fields
        if reply.status == 429 and not fields:
            fields = quota.made_up(ruling.now, self._reset_form)
        if fields:
            reply = reply._replace(headers=(*reply.headers, *fields))
        if step and step.headers:
            reply = with_fields(reply, step.headers)
        if step and step.retry_after:
            value = step.retry_after.field(ruling.now + ruling.decision.delay).decode()
            reply = with_fields(reply, {"Retry-After": value})
        return reply, tokens

    def _embedded(self, request: EmbedRequest, mutations: Sequence[str]) -> tuple[Reply, int]:
        """The reply with vectors, mutated if the step asks for it."""
        embedded = self.embedder.embed(request)
        if not mutations:
            return success(embed.results(embedded)), embedded.total_tokens
        from relace_mock.scenario.mutations.draft import of_vectors  # noqa: PLC0415 - loaded when a scenario is first played

        other = request._replace(model=f"{request.model}\ndrifted")
        draft = of_vectors(request, embedded, lambda: self.embedder.embed(other).rows)
        return mutated(mutations, draft), embedded.total_tokens

    def _ranked(
        self, request: RankRequest, mutations: Sequence[str], is_abandoned: Callable[[], bool]
    ) -> tuple[Reply, int]:
        """The reply with files, mutated if the step asks for it."""
        ranked = self._ranker.rank(request, is_abandoned)
        if not mutations:
            return success((rank.results(ranked),)), ranked.total_tokens
        from relace_mock.scenario.mutations.draft import Draft  # noqa: PLC0415 - as above

        return mutated(mutations, Draft(request, rank.content(ranked))), ranked.total_tokens


def failed() -> Answer:
    """The answer after a failure of this package itself."""
    return Answer(error(500, "relace-mock itself failed: its log has the traceback"))
