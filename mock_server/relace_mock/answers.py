"""The last stages before delivery: results, and the reply that a ruling asks for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from relace_mock.messages import (
    Embedded,
    EmbedRequest,
    Piece,
    RankRequest,
    Reply,
    Source,
    Told,
)
from relace_mock.recording.sources import Sources
from relace_mock.refusals import Refusal
from relace_mock.rendering import (
    SOURCE,
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
_BARE = Reply(200, (), ())
# How often a number counts that a mutation may read and write again: that takes 3 microseconds.
_MUTATED = 30


class Answer(NamedTuple):
    """A reply, and how it is delivered.

    ``delay`` is in real seconds. A drip or a hang lasts ``time_scale`` times as long as without it.
    ``tokens`` is None if the reply has no results, or if their number is not known. ``source`` is
    None if neither this server nor an upstream gave vectors or an error. ``told`` is the answer of
    an upstream. ``missed`` says that texts are not recorded.
    """

    reply: Reply
    step: Step | None = None
    delay: float = 0.0
    time_scale: float = 1.0
    tokens: int | None = None
    source: Source | None = None
    notes: Sequence[str] = ()
    told: Told | None = None
    missed: bool = False

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
        self.sources = Sources(settings, self.embedder)
        self.ranker = Ranker(settings)
        self._dimensions = settings.dimensions
        self._has_sockets = has_sockets
        self._time_scale = settings.time_scale
        self._reset_form = settings.rate_limit_reset

    def numbers(self, ruling: Ruling) -> int:
        """About how many numbers must be computed for an answer, at most.

        A mutation takes much longer for each of them, so then they count several times.
        """
        request, step = ruling.outcome, ruling.decision.step
        if isinstance(request, Refusal):
            return 0
        if isinstance(request, RankRequest):
            count = most_numbers(request)
        else:
            count = len(request.input) * (request.dimensions or self._dimensions)
        return count * _MUTATED if step is not None and step.mutate else count

    def to(
        self,
        ruling: Ruling,
        key: str | None = None,
        is_abandoned: Callable[[], bool] = lambda: False,
    ) -> Answer:
        """Make the answer that the ruling asks for, with its results.

        ``key`` is the client's, for an upstream. This may wait for a recording or an upstream. Once
        ``is_abandoned`` is true, nobody waits for the answer, and it may be wrong.
        """
        return self._answer(ruling, functools.partial(self._made, ruling, key, is_abandoned))

    def outline(self, ruling: Ruling) -> Answer:
        """Make the same answer without results, which take most of the time."""
        return self._answer(ruling, lambda: _Made(_BARE, None, None))

    def _answer(self, ruling: Ruling, make: Callable[[], _Made]) -> Answer:
        decision = ruling.decision
        if decision.step and (problem := self.problem_with([decision.step])):
            return Answer(error(500, problem))
        reply, made = self._reply(ruling, make)
        delay = decision.delay * self._time_scale
        if made is None:
            return Answer(reply, decision.step, delay, self._time_scale)
        return Answer(reply, decision.step, delay, self._time_scale, *made[1:])

    def waits(self, ruling: Ruling) -> bool:
        """Whether ``to`` may wait for a recording or an upstream."""
        if self.computes(ruling):
            return False
        request = ruling.outcome
        if not isinstance(request, EmbedRequest):
            return False
        source = self.sources.find(ruling.replaying)
        return _has_vectors(ruling) and (source is None or not source.has_at_hand(request))

    def computes(self, ruling: Ruling) -> bool:
        """Whether vectors are computed here, and not taken from a recording or an upstream."""
        return ruling.replaying is None and self.sources.default is None

    def problem_with(self, steps: Iterable[Step]) -> str | None:
        """Why these steps cannot be performed here; None if they can."""
        faults = {step.fault for step in steps if step.fault and FAULTS[step.fault].needs_socket}
        if self._has_sockets or not faults:
            return None
        return (
            f"{', '.join(sorted(faults))}: relace_mock.app() has no socket, which this needs: "
            "use relace_mock.running() or `relace-mock serve`"
        )

    def _reply(self, ruling: Ruling, make: Callable[[], _Made]) -> tuple[Reply, _Made | None]:
        """The reply with the header fields of quota and step; how it was made if it has results."""
        step = ruling.decision.step
        reply, made = self._body(ruling, make)
        fields = ruling.fields
        if reply.status == 429 and not fields and made is None:
            fields = quota.made_up(ruling.now, self._reset_form)
        if fields and made is not None and made.told:  # an upstream may have a quota of its own
            reply = with_fields(reply, {name.decode(): value.decode() for name, value in fields})
        elif fields:
            reply = reply._replace(headers=(*reply.headers, *fields))
        if step and step.headers:
            reply = with_fields(reply, step.headers)
        if step and step.retry_after:
            value = step.retry_after.field(ruling.now + ruling.decision.delay).decode()
            reply = with_fields(reply, {"Retry-After": value})
        return reply, made

    @staticmethod
    def _body(ruling: Ruling, make: Callable[[], _Made]) -> tuple[Reply, _Made | None]:
        """The reply without these fields."""
        step = ruling.decision.step
        if ruling.preferred is not None and ruling.preferred != 200:
            return scripted(ruling.preferred, None), None
        if step is not None and step.status is not None:
            return scripted(step.status, step.fixed_body), None
        if step is not None and step.fault and not FAULTS[step.fault].sends_head:
            return NEVER_SENT, None
        if isinstance(ruling.outcome, Refusal):
            return refused(ruling.outcome), None
        made = make()
        return made.reply, made

    def _made(self, ruling: Ruling, key: str | None, is_abandoned: Callable[[], bool]) -> _Made:
        """The reply with results."""
        request = ruling.outcome
        assert not isinstance(request, Refusal)
        if isinstance(request, RankRequest):
            return self._ranked(request, ruling, is_abandoned)
        return self._embedded(request, ruling, key)

    def _embedded(self, request: EmbedRequest, ruling: Ruling, key: str | None) -> _Made:
        """The reply with vectors, mutated if the step asks for it."""
        known = ruling.scenario.vectors if ruling.scenario else None
        notes: Sequence[str] = ()
        told = None
        if self.computes(ruling):
            embedded = self.embedder.embed(request, known)
        else:
            supplied = self.sources.supply(request, ruling.replaying, key, known)
            notes, told = supplied.notes, supplied.told
            if isinstance(supplied.outcome, Reply):
                reply = supplied.outcome
                source: Source | None = (
                    "forwarded" if SOURCE["forwarded"] in reply.headers else None
                )
                return _Made(reply, None, source, notes, told, supplied.missed)
            embedded = supplied.outcome
        step = ruling.decision.step
        if step is None or not step.mutate:
            reply = success(embed.results(embedded), embedded.source, embedded.headers)
        else:
            from relace_mock.scenario.mutations.draft import of_vectors  # noqa: PLC0415 - loaded when a scenario is first played

            computed = self.computes(ruling)
            drifted = functools.partial(self._drifted, request, embedded, computed=computed)
            draft = of_vectors(request, embedded, drifted)
            reply = mutated(step.mutate, draft, embedded.source, embedded.headers)
        return _Made(reply, embedded.total_tokens, embedded.source, notes, told)

    def _ranked(
        self, request: RankRequest, ruling: Ruling, is_abandoned: Callable[[], bool]
    ) -> _Made:
        """The reply with files, mutated if the step asks for it."""
        story, step = ruling.scenario, ruling.decision.step
        known, dimensions = (story.vectors, story.dimensions) if story else (None, None)
        ranked = self.ranker.rank(request, is_abandoned, known, dimensions)
        if step and step.mutate:
            from relace_mock.scenario.mutations.draft import Draft  # noqa: PLC0415 - as above

            reply = mutated(step.mutate, Draft(request, rank.content(ranked)))
        else:
            reply = success((rank.results(ranked),))
        return _Made(reply, ranked.total_tokens, None)

    def _drifted(
        self, request: EmbedRequest, embedded: Embedded, *, computed: bool
    ) -> Sequence[Piece]:
        """The rows of the same texts in another space of as many dimensions."""
        if computed:
            other = request._replace(model=f"{request.model}\ndrifted")
            return self.embedder.embed(other).rows
        # To reverse the order of all components is to turn the space, whatever its dimensions are.
        return [b"[" + b",".join(bytes(row)[1:].split(b",")[::-1]) for row in embedded.rows]


class _Made(NamedTuple):
    """A reply, and where its vectors come from; the fields of ``Answer`` with these names."""

    reply: Reply
    tokens: int | None
    source: Source | None
    notes: Sequence[str] = ()
    told: Told | None = None
    missed: bool = False


def _has_vectors(ruling: Ruling) -> bool:
    """Whether the answer to a valid request has vectors that are not replaced by a step."""
    step = ruling.decision.step
    if ruling.preferred is not None and ruling.preferred != 200:
        return False
    if step is None:
        return True
    return step.status is None and not (step.fault and not FAULTS[step.fault].sends_head)


def failed() -> Answer:
    """The answer after a failure of this package itself."""
    return Answer(error(500, "relace-mock itself failed: its log has the traceback"))
