"""``--live``, against a server that behaves as the live one does with its free tier.

It allows three requests a minute. The tests wait for no minute, because the server and the kit
share a clock that sleeping advances.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import relace_mock
from relace_contract.judgement import CannotRun, Judgement, Report
from relace_contract.policy import Policy
from relace_contract.requirements import requirements
from relace_contract.server.options import ServerOptions
from relace_contract.server.pace import Pace, wait_asked_for
from relace_contract.server.round_trip import Request, RoundTrip
from relace_contract.server.verify import verify
from tests.kit.judging import found, held
from tests.kit.reference import KEY, Answer, Asked, Reference, Refused
from tests.kit.running import running

TIER = 3


class Clock:
    """A clock that advances only when someone sleeps."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class FreeTier(Reference):
    """A server that allows three requests a minute, breaks some policies, and logs each request."""

    quota = TIER

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock.now)
        self.log: list[tuple[float, Asked]] = []
        self.refusals = 0

    async def answer(self, asked: Asked) -> Answer:
        self.log.append((self.now(), asked))
        return await super().answer(asked)

    def count(self) -> dict[str, str]:
        try:
            return super().count()
        except Refused:
            self.refusals += 1
            raise

    def normed(self, vector: Any) -> Any:
        return vector  # which is a policy

    def tokens(self, texts: list[str]) -> int:
        return 3 * len(texts)  # 6 for the example: the documentation says 8, but that is a MAY


def live(app: FreeTier, clock: Clock, **wanted: Any) -> tuple[Report, list[str]]:
    """A live run, and the lines that it printed; ``wanted`` may set another gap of requests."""
    said: list[str] = []
    pace = Pace(gap=1.0, patience=130.0, endurance=1800.0, sleep=clock.sleep, now=clock.now)
    with running(app) as url:
        asked = ServerOptions(url=url, api_key=KEY, live=True, **wanted)
        return verify(asked, said.append, pace), said


def test_a_live_run_is_slow_frugal_and_finds_nothing_in_what_is_documented() -> None:
    clock = Clock()
    app = FreeTier(clock)
    report, said = live(app, clock)
    assert report.exit_code == 0
    outcomes = {result.requirement.id: result.judgement for result in report.results}
    assert outcomes["REACH-200"] is Judgement.HOLDS
    assert outcomes["TOK-example"] is Judgement.INFORMS
    # The policies of this project do not apply to the live service.
    labels = {requirements("server")[one].label for one in outcomes}
    assert labels == {"documented", "observed"}
    # The kit named the budget before the first request, and kept it; repetitions do not count.
    (budget,) = (line for line in said if "with at most" in line)
    limit = int(budget.split("with at most ")[1].split()[0])
    assert said[0] == budget
    assert limit <= 30
    answered = len(app.log) - app.refusals
    assert 5 <= answered <= limit
    # No bursts: a second between any two requests, and never two at once.
    times = [time for time, _ in app.log]
    assert all(after - before >= 1 for before, after in itertools.pairwise(times))


def test_a_live_run_waits_out_429s() -> None:
    clock = Clock()
    before = clock.time

    class Stingy(FreeTier):
        """Counts refused requests, too, so that three requests are soon spent."""

        def route(self, asked: Asked) -> None:
            FreeTier.count(self)
            super().route(asked)

        def count(self) -> dict[str, str]:
            return {}

    app = Stingy(clock)
    report, _ = live(app, clock)
    assert report.exit_code == 0
    assert app.refusals > 0
    assert clock.time - before > 60


def test_nothing_is_asked_twice() -> None:
    clock = Clock()
    app = FreeTier(clock)
    app.quota = 1000  # so that no 429 makes the kit repeat a request
    live(app, clock)
    asked = [(one.method, one.path, one.body, tuple(one.headers.items())) for _, one in app.log]
    assert len(set(asked)) == len(asked)


def test_nothing_is_found_in_the_mock_with_a_free_tier_of_three_requests_a_second() -> None:
    with relace_mock.running(rate_limit="3/1s") as server:
        asked = ServerOptions(url=server.base_url, api_key=KEY, live=True, policy=Policy())
        report = verify(asked, lambda _: None, Pace(patience=130.0, endurance=60.0))
    assert found(report) == {}
    assert {"DTYPE-binary", "DET-same", "ENV-shape"} <= held(report)


def test_what_is_documented_and_not_kept_fails() -> None:
    clock = Clock()

    class Broken(FreeTier):
        def index(self, place: int) -> int:
            return place + 1

    report, _ = live(Broken(clock), clock)
    failed = [result.requirement.id for result in report.results if result.judgement.red]
    assert failed == ["BIJ-indexes"]


def test_the_key_is_nowhere() -> None:
    clock = Clock()

    class Echo(FreeTier):
        def finish(self, asked: Asked, answer: Answer) -> Answer:
            answer.content["key"] = answer.headers["x-key"] = asked.headers["authorization"]
            answer.content["results"][0]["index"] = asked.headers["authorization"]
            return answer

    report, said = live(Echo(clock), clock)
    assert report.exit_code == 1
    everything = repr(report) + repr(said)
    assert "Bearer $RELACE_API_KEY" in everything
    assert KEY not in everything


def test_the_live_service_is_not_asked_without_a_key() -> None:
    with pytest.raises(CannotRun, match="needs a key: give it with --api-key or RELACE_API_KEY"):
        verify(ServerOptions(url="http://127.0.0.1:1/v1", live=True), lambda _: None)


def test_checks_that_cost_too_much_are_not_run_live() -> None:
    with pytest.raises(CannotRun, match="none of the selected checks runs with --live"):
        verify(
            ServerOptions(url="http://127.0.0.1:1/v1", api_key=KEY, live=True, only=("CONC",)),
            lambda _: None,
        )


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": "Thu, 01 Jan 2026 00:00:09 GMT"}, 9.0),
        ({"x-ratelimit-reset": "1767225605"}, 5.05),
        ({"x-ratelimit-reset": "1767225605000"}, 5.05),
        ({"x-ratelimit-reset": "12"}, 12.05),
        ({"x-ratelimit-reset": "2026-01-01T00:00:30Z"}, 30.05),
        ({"x-ratelimit-reset": "2026-01-01T00:00:30"}, 30.05),
        ({"x-ratelimit-reset": "2025-01-01T00:00:30Z"}, 0.05),
        ({"x-ratelimit-reset": "soon"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_what_a_429_asks_for_is_read_in_every_form(
    headers: dict[str, str], seconds: float | None
) -> None:
    request = Request("POST", "http://h/v1", (), b"")
    trip = RoundTrip(request, 429, tuple(headers.items()))
    assert wait_asked_for(trip, 1767225600.0) == pytest.approx(seconds)
