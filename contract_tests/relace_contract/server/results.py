"""BIJ, DUP, DTYPE, DIM and TOK: the shape of a 200."""

from __future__ import annotations

from typing import Any

from relace_contract import contract
from relace_contract.counts import counted
from relace_contract.server.answers import (
    alike,
    depart,
    embedded,
    expect,
    results,
    tokens,
    unclear,
)
from relace_contract.server.reach import documented_example
from relace_contract.server.round_trip import RoundTrip
from relace_contract.server.subject import Server

_SIZES = (1, 2, 3, 11, 33)
#: Sizes near the usual batch limits of servers and their models.
_LARGE_SIZES = (
    *(32, 50, 64, 65, 96, 100, 101, 128, 129, 200, 250, 256, 257, 500, 501, 512, 513),
    *(1000, 1024, 1025, 2048, 2049, 3001),
)
#: A size to send with each dtype: a limit may count the bytes of the answer.
_LARGE_FLOAT = 1025
_MANY = [str(number) for number in range(40)]
#: Batches that are large in another way: 1 MB in all, many copies, some texts empty.
_LARGE_BATCHES = (
    [f"# part {number}\n" + "x = 1\n" * 5000 for number in range(33)],
    [f"text {number % 65}" for number in range(130)],
    ["" if n % 13 == 5 else f"text {n}" for n in range(130)],
)


def bijection(server: Server) -> None:
    """BIJ-indexes."""
    if server.options.live:
        _indexes(server, contract.example()["input"])
        return
    for size in _SIZES:
        _indexes(server, [f"text {number}" for number in range(size)])


def _indexes(server: Server, texts: list[str]) -> None:
    trip = server.embed(texts, output_dtype="float")
    found: list[Any] = [one.get("index") for one in results(trip) if isinstance(one, dict)]
    strange = [index for index in found if type(index) is not int]
    if strange:
        raise depart(f"an index is {strange[0]!r}, not an integer", trip)
    if sorted(found) != list(range(len(texts))):
        raise depart(
            f"indexes {found[:12]} for {counted(len(texts), 'text')}; they should be 0 to {len(texts) - 1}",
            trip,
        )


def every_size(server: Server) -> None:
    """BIJ-count: send batches of many kinds; ``watch`` counts the results of every 200."""
    if server.options.live:
        documented_example(server)
        return
    trips = [
        documented_example(server),
        *(_binary(server, [f"text {n}" for n in range(size)]) for size in _LARGE_SIZES),
        server.embed([f"text {n}" for n in range(_LARGE_FLOAT)]),
        *(_binary(server, texts) for texts in _LARGE_BATCHES),
    ]
    if not any(trip.status == 200 for trip in trips):
        raise unclear("no batch was answered with 200", trips[-1])


def _binary(server: Server, texts: list[str]) -> RoundTrip:
    """The answer to a batch; ``binary``, if the server has it, keeps the answer small."""
    trip = server.embed(texts, output_dtype="binary")
    return trip if trip.status == 200 else server.embed(texts, output_dtype="float")


def duplicates(server: Server) -> None:
    """DUP-copies."""
    for texts in (["a", "a"], ["a", "b", "a", "a", "b"], ["a", "b", "c"] * 17):
        trip = server.embed(texts)
        found = results(trip)
        if len(found) != len(texts):
            raise depart(
                f"{counted(len(found), 'result')} for {counted(len(texts), 'text')}, some of them equal",
                trip,
            )


def default_dtype(server: Server) -> None:
    """DTYPE-default."""
    texts = contract.example()["input"]
    omitted, first = embedded(server, texts)
    asked, second = embedded(server, texts, output_dtype="float")
    if not alike(omitted, asked):
        raise depart("without `output_dtype` the vectors are not those of `float`", first, second)


def binary(server: Server) -> None:
    """DTYPE-binary."""
    trip = server.embed(["a", "b"], output_dtype="binary")
    expect(trip, 200, what="`binary`")
    for one in results(trip):
        vector = one.get("embedding") if isinstance(one, dict) else None
        if not isinstance(vector, list) or not vector:
            raise unclear("an embedding is not a list of numbers", trip)
        strange = [number for number in vector if type(number) is not int]
        if strange:
            raise depart(f"a `binary` vector holds {strange[0]!r}, not an integer", trip)


def one_dimension(server: Server) -> None:
    """DIM-one: send texts and batches of several kinds; ``Dimensions`` compares the vectors."""
    trip = documented_example(server)
    batches = [] if server.options.live else [["", "def f(): pass\n" * 50, "é"], _MANY]
    if not all(isinstance(one, dict) and one.get("embedding") for one in results(trip)):
        raise unclear("there are no vectors", trip)
    for texts in batches:
        for dtype in ("float", "binary"):
            server.embed(texts, output_dtype=dtype)


def tokens_present(server: Server) -> None:
    """TOK-present."""
    trip = documented_example(server)
    body = trip.json()
    results(trip)
    usage = body.get("usage")
    if not isinstance(usage, dict) or "total_tokens" not in usage:
        raise depart("a 200 without usage.total_tokens", trip)


def tokens_counted(server: Server) -> None:
    """TOK-integer."""
    trips = [documented_example(server)]
    if not server.options.live:
        trips += [server.embed([""]), server.embed(["a"] * 40)]
    for trip in trips:
        results(trip)
        count = trip.tokens
        if count is not None and (type(count) is not int or count < 0):
            raise depart(f"usage.total_tokens is {count!r}, not an integer of at least 0", trip)


def tokens_grow(server: Server) -> None:
    """TOK-grows."""
    previous = server.embed(["def f(): pass"])
    for texts in (["def f(): pass\n" * 40], ["def f(): pass\n" * 40] * 3):
        trip = server.embed(texts)
        if tokens(trip) <= tokens(previous):
            raise depart(
                f"{counted(tokens(previous), 'token')}, but {tokens(trip)} for more text",
                previous,
                trip,
            )
        previous = trip


def tokens_documented(server: Server) -> None:
    """TOK-example."""
    trip = documented_example(server)
    if trip.tokens != 8:
        raise depart(f"{trip.tokens} tokens for the documented example, not 8", trip)
