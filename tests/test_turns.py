"""Requests that arrive together do not keep the event loop from its other connections."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from relace_mock.serving import turns
from relace_mock.serving.turns import Turns


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that advances by half a turn each time it is read."""
    times = itertools.count(step=turns._LONGEST / 2)
    monkeypatch.setattr("relace_mock.serving.turns.time.monotonic", lambda: next(times))


async def turns_of(shared: Turns, number: int) -> list[int]:
    """Start several tasks together; return the turn of the loop in which each of them continues."""
    turn = 0

    def count() -> None:
        nonlocal turn
        turn += 1
        loop.call_soon(count)

    async def work() -> int:
        await shared.next()
        return turn

    loop = asyncio.get_running_loop()
    loop.call_soon(count)
    return await asyncio.gather(*(work() for _ in range(number)))


@pytest.mark.usefixtures("steps")
def test_only_some_of_many_tasks_go_on_in_one_turn_and_all_go_on_in_the_end() -> None:
    went = asyncio.run(turns_of(Turns(), 9))
    assert went == sorted(went)
    assert max(len(list(same)) for _, same in itertools.groupby(went)) <= 3


def test_one_task_goes_on_at_once() -> None:
    assert asyncio.run(turns_of(Turns(), 1)) == [1]


@pytest.mark.usefixtures("steps")
def test_a_loop_that_ended_within_a_turn_blocks_no_other() -> None:
    shared = Turns()
    for _ in range(3):
        assert len(asyncio.run(turns_of(shared, 5))) == 5
