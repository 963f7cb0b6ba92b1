"""A failover to a replica of Redis: two real servers, of which one takes over from the other.

The replica takes over the port, as behind an address that moves.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

import relace_mock
from relace_mock import RemoteControl, RunningServer
from tests.redis_server import Redis
from tests.steering import ask, until


class Pair(NamedTuple):
    """A primary, and a replica that follows it."""

    primary: Redis
    replica: Redis

    def copied(self) -> None:
        """Wait until the replica has all that the primary has."""
        until(lambda: self.primary.client().wait(1, 1000) == 1, "a replica that has everything")

    def cut_off(self) -> None:
        """Stop the replication, so that no later write reaches the replica."""
        self.replica.client().replicaof("NO", "ONE")

    def fail_over(self) -> None:
        """End the primary, and let the replica take its place."""
        self.primary.kill()
        self.cut_off()
        client = self.replica.client()
        until(lambda: _moves(client, self.primary.port), "the port of the primary")


def _moves(client: Any, port: int) -> bool:
    with contextlib.suppress(Exception):
        return bool(client.config_set("port", port))
    return False


def _serves(control: RemoteControl) -> bool:
    return ask(control).status_code == 200


@pytest.fixture
def pair() -> Iterator[Pair]:
    primary, replica = Redis(), Redis()
    replica.client().replicaof("127.0.0.1", str(primary.port))
    pair = Pair(primary, replica)
    pair.copied()
    yield pair
    primary.stop()
    replica.stop()


@pytest.fixture
def replicas(pair: Pair) -> Iterator[list[RunningServer]]:
    """Two mocks that share the primary."""
    settings: dict[str, Any] = {"dimensions": 8, "store": pair.primary.url, "store_timeout": 0.5}
    with relace_mock.running(**settings) as one, relace_mock.running(**settings) as other:
        yield [one, other]


def returns(replicas: list[RunningServer]) -> None:
    """Wait until both mocks serve again, by requests with a key that no test looks at."""
    for each in replicas:
        until(functools.partial(_serves, each.control("rlc-probe")), "service")


def test_what_was_copied_survives_a_failover(pair: Pair, replicas: list[RunningServer]) -> None:
    """Both mocks keep position, quota, journal and verdict, and neither is restarted."""
    one, other = (each.control("rlc-kept") for each in replicas)
    one.play(
        {"steps": [{"status": 500}, {"status": 503}], "rate_limit": {"requests": 4, "per": "1h"}}
    )
    assert ask(one).status_code == 500
    assert len(one.requests) == 1  # waits for its end
    pair.copied()
    pair.fail_over()
    returns(replicas)
    assert [ask(each).status_code for each in (other, one, other, one)] == [503, 200, 200, 429]
    assert [entry.status for entry in one.requests] == [500, 503, 200, 200, 429]
    assert one.verdict().complete and one.verdict() == other.verdict()


def test_a_request_during_a_failover_gets_500_and_is_not_counted(
    pair: Pair, replicas: list[RunningServer]
) -> None:
    one, other = (each.control("rlc-during") for each in replicas)
    one.play({"steps": [{"status": 418}]})
    pair.copied()
    pair.primary.kill()
    refused = ask(one)
    assert (refused.status_code, "the store cannot be reached" in refused.text) == (500, True)
    pair.fail_over()
    returns(replicas)
    assert [ask(each).status_code for each in (other, one)] == [418, 200]


def test_a_failover_that_loses_writes_plays_a_step_twice_as_the_guide_says(
    pair: Pair, replicas: list[RunningServer]
) -> None:
    """Redis answers before it copies. This test shows the limit that docs/scale.md names."""
    one, other = (each.control("rlc-lost") for each in replicas)
    one.play({"steps": [{"status": 500}]})
    pair.copied()
    pair.cut_off()
    assert [ask(each).status_code for each in (one, other)] == [500, 200]
    assert len(one.requests) == 2  # waits for their end
    pair.fail_over()
    returns(replicas)
    assert [ask(each).status_code for each in (other, one)] == [500, 200]
    assert len(one.requests) == 2
