"""The last stages before delivery: vectors, and the reply that a ruling asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from relace_mock.messages import EmbedRequest, Reply
from relace_mock.refusals import Refusal
from relace_mock.rendering import error, mutated, render, scripted, with_fields
from relace_mock.scenario.faults import FAULTS, Fault
from relace_mock.scenario.faults.connection import Measure
from relace_mock.state import quota
from relace_mock.state.ruling import Ruling
from relace_mock.vectors.rows import Embedder

if TYPE_CHECKING:
    from relace_mock.scenario.step import Step
    from relace_mock.settings import Settings

#: The reply of a fault that sends none.
NEVER_SENT = Reply(0, (), ())
_BARE = Reply(200, (), ())
_Embedded = Callable[["EmbedRequest", "Step | None"], tuple[Reply, "int | None"]]


class Answer(NamedTuple):
    """A reply, and how it is delivered.

    ``delay`` is in real seconds. A drip or a hang lasts ``time_scale`` times as long as without it.
    ``tokens`` is None if the reply has no vectors.
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
        self._has_sockets = has_sockets
        self._time_scale = settings.time_scale
        self._reset_form = settings.rate_limit_reset

    def to(self, ruling: Ruling) -> Answer:
        """Make the answer that the ruling asks for, with its vectors."""
        return self._answer(ruling, self._embedded)

    def outline(self, ruling: Ruling) -> Answer:
        """Make the same answer without vectors, which take most of the time."""
        return self._answer(ruling, lambda _request, _step: (_BARE, None))

    def _answer(self, ruling: Ruling, embedded: _Embedded) -> Answer:
        decision = ruling.decision
        if decision.step and (problem := self.problem_with([decision.step])):
            return Answer(error(500, problem))
        reply, tokens = self._reply(ruling, embedded)
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

    def _reply(self, ruling: Ruling, embedded: _Embedded) -> tuple[Reply, int | None]:
        """The reply with the header fields of quota and step, and its number of tokens."""
        step, tokens = ruling.decision.step, None
        if ruling.preferred is not None and ruling.preferred != 200:
            reply = scripted(ruling.preferred, None)
        elif step is not None and step.status is not None:
            reply = scripted(step.status, step.fixed_body)
        elif step is not None and step.fault and not FAULTS[step.fault].sends_head:
            reply = NEVER_SENT
        elif isinstance(ruling.outcome, Refusal):
            reply = render(ruling.outcome)
        else:
            reply, tokens = embedded(ruling.outcome, step)
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

    def _embedded(self, request: EmbedRequest, step: Step | None) -> tuple[Reply, int]:
        """The reply with vectors, mutated if the step asks for it."""
        embedded = self.embedder.embed(request)
        if step is None or not step.mutate:
            return render(embedded), embedded.total_tokens
        other = request._replace(model=f"{request.model}\ndrifted")
        reply = mutated(step.mutate, request, embedded, lambda: self.embedder.embed(other).rows)
        return reply, embedded.total_tokens


def failed() -> Answer:
    """The answer after a failure of this package itself."""
    return Answer(error(500, "relace-mock itself failed: its log has the traceback"))
