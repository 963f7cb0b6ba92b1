"""BIJ, DUP, DTYPE, DIM and TOK: the shape of a 200."""

from __future__ import annotations

from typing import Any

from relace_contract import contract
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
from relace_contract.server.subject import Server

_SIZES = (1, 2, 3, 11, 33)
_MANY = [str(number) for number in range(40)]


def bijection(server: Server) -> None:
    """BIJ-indexes."""
    if server.settings.live:
        _indexes(server, contract.example()["input"])
        return
    for size in _SIZES:
        _indexes(server, [f"text {number}" for number in range(size)])


def _indexes(server: Server, texts: list[str]) -> None:
    exchange = server.embed(texts, output_dtype="float")
    found: list[Any] = [one.get("index") for one in results(exchange) if isinstance(one, dict)]
    strange = [index for index in found if type(index) is not int]
    if strange:
        raise depart(f"an index is {strange[0]!r}, not an integer", exchange)
    if sorted(found) != list(range(len(texts))):
        raise depart(
            f"indexes {found[:12]} for {len(texts)} texts; they should be 0 to {len(texts) - 1}",
            exchange,
        )


def duplicates(server: Server) -> None:
    """DUP-copies."""
    for texts in (["a", "a"], ["a", "b", "a", "a", "b"]):
        exchange = server.embed(texts)
        found = results(exchange)
        if len(found) != len(texts):
            raise depart(f"{len(found)} results for {len(texts)} texts, some alike", exchange)


def default_dtype(server: Server) -> None:
    """DTYPE-default."""
    texts = contract.example()["input"]
    omitted, first = embedded(server, texts)
    asked, second = embedded(server, texts, output_dtype="float")
    if not alike(omitted, asked):
        raise depart("without `output_dtype` the vectors are not those of `float`", first, second)


def binary(server: Server) -> None:
    """DTYPE-binary."""
    exchange = server.embed(["a", "b"], output_dtype="binary")
    expect(exchange, 200, what="`binary`")
    for one in results(exchange):
        vector = one.get("embedding") if isinstance(one, dict) else None
        if not isinstance(vector, list) or not vector:
            raise unclear("an embedding is no list of numbers", exchange)
        strange = [number for number in vector if type(number) is not int]
        if strange:
            raise depart(f"a `binary` vector holds {strange[0]!r}, not an integer", exchange)


def one_dimension(server: Server) -> None:
    """DIM-one: texts, batches and models of several kinds; ``Dimensions`` compares them."""
    exchange = documented_example(server)
    batches = [] if server.settings.live else [["", "def f(): pass\n" * 50, "é"], _MANY]
    if not all(isinstance(one, dict) and one.get("embedding") for one in results(exchange)):
        raise unclear("there are no vectors", exchange)
    for texts in batches:
        for dtype in ("float", "binary"):
            server.embed(texts, output_dtype=dtype)


def tokens_present(server: Server) -> None:
    """TOK-present."""
    exchange = documented_example(server)
    body = exchange.json()
    results(exchange)
    usage = body.get("usage")
    if not isinstance(usage, dict) or "total_tokens" not in usage:
        raise depart("a 200 without usage.total_tokens", exchange)


def tokens_counted(server: Server) -> None:
    """TOK-integer."""
    exchanges = [documented_example(server)]
    if not server.settings.live:
        exchanges += [server.embed([""]), server.embed(["a"] * 40)]
    for exchange in exchanges:
        results(exchange)
        count = exchange.tokens
        if count is not None and (type(count) is not int or count < 0):
            raise depart(f"usage.total_tokens is {count!r}, not a count", exchange)


def tokens_grow(server: Server) -> None:
    """TOK-grows."""
    previous = server.embed(["def f(): pass"])
    for texts in (["def f(): pass\n" * 40], ["def f(): pass\n" * 40] * 3):
        exchange = server.embed(texts)
        if tokens(exchange) <= tokens(previous):
            raise depart(
                f"{tokens(previous)} tokens, and {tokens(exchange)} for more text",
                previous,
                exchange,
            )
        previous = exchange


def tokens_documented(server: Server) -> None:
    """TOK-example."""
    exchange = documented_example(server)
    if exchange.tokens != 8:
        raise depart(f"{exchange.tokens} tokens for the documented example, not 8", exchange)
