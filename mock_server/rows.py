"""Texts to rendered vectors and token counts, and the cache of those that come again.

In CI the same texts come again and again, so what was rendered is kept, least recently
used first to go, up to a number of bytes.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from mock_server.embedding import Space, space, space_key
from mock_server.exchange import Embedded, EmbedRequest, OutputDtype, Piece
from mock_server.settings import Settings
from mock_server.tokens import count_tokens

_SPACES = 16  # models whose spaces are kept
_ENTRY = 420  # bytes of an entry beside its text and its row, about
_REMEMBERED = 1 << 14  # texts that came once
_Shelf = tuple[bytes, OutputDtype]


class Row(NamedTuple):
    """A text's vector as a JSON array without its closing bracket, and its tokens."""

    json: Piece
    tokens: int


_Rows = OrderedDict[str, tuple[Row, int]]
_EMPTY: _Rows = OrderedDict()


class CacheState(NamedTuple):
    """How the cache fares. ``hits`` and ``misses`` count texts."""

    rows: int
    bytes: int
    hits: int
    misses: int


class Embedder:
    """The embed stage. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key = functools.lru_cache(_SPACES)(self._new_key)
        self._space = functools.lru_cache(_SPACES)(self._new_space)
        # To compute a row of the hash space takes less time than to keep it and drop another.
        self._cache = RowCache(settings.cache_bytes, at_once=settings.embedding != "hash")
        self.cache_state = self._cache.state

    def embed(self, request: EmbedRequest) -> Embedded:
        """The vectors of all inputs, each computed once."""
        key = self._key(request.model)
        found, missing = self._cache.find(key, request.output_dtype, request.input)
        if missing:
            encoded = [text.encode() for text in missing]
            rows = self._rows(self._space(key), request.output_dtype, encoded)
            made = dict(zip(missing, map(Row, rows, count_tokens(encoded)), strict=True))
            self._cache.keep(key, request.output_dtype, made)
            found |= made
        chosen = [found[text] for text in request.input]
        return Embedded([row.json for row in chosen], sum([row.tokens for row in chosen]))

    def _new_key(self, model: str) -> bytes:
        settings = self._settings
        return space_key(
            settings.embedding, model=model, dimensions=settings.dimensions, seed=settings.seed
        )

    def _new_space(self, key: bytes) -> Space:
        return space(self._settings.embedding, key, self._settings.dimensions)

    def _rows(self, of: Space, dtype: OutputDtype, texts: Sequence[bytes]) -> Sequence[Piece]:
        if dtype == "float":
            return of.rows(texts)
        packed = np.packbits(of.components(texts) > 0, axis=1, bitorder=self._settings.bit_order)
        return [
            b"[%b" % ",".join(map(str, row)).encode()
            for row in packed.view(self._settings.binary_dtype).tolist()
        ]


class RowCache:
    """Rendered rows by space, data type and text; bounded in bytes.

    A row is kept ``at_once``, or else when its text comes for the second time. The longest
    unused row goes first, of the shelf (a space and a data type) that was longest unused.
    """

    def __init__(self, limit: int, *, at_once: bool = True) -> None:
        self._limit = limit
        self._at_once = at_once
        self._came_once: set[int] = set()
        self._shelves: OrderedDict[_Shelf, _Rows] = OrderedDict()
        self._bytes = self._hits = self._misses = 0
        self._lock = threading.Lock()

    def find(
        self, space: bytes, dtype: OutputDtype, texts: Sequence[str]
    ) -> tuple[dict[str, Row], list[str]]:
        """The rows that are kept, by text, and the texts whose rows are not, each once."""
        found = {}
        missing = []
        with self._lock:
            rows = self._shelves.get((space, dtype), _EMPTY)
            if rows:
                self._shelves.move_to_end((space, dtype))
            for text in texts:
                if kept := rows.get(text):
                    rows.move_to_end(text)
                    found[text], _ = kept
                else:
                    missing.append(text)
            self._misses += len(missing)
            self._hits += len(texts) - len(missing)
        return found, list(dict.fromkeys(missing))

    def keep(self, space: bytes, dtype: OutputDtype, made: dict[str, Row]) -> None:
        """Keep rows by their texts, and drop the longest unused ones for them."""
        shelf = space, dtype
        with self._lock:
            due = made if self._at_once else self._come_again(shelf, made)
            for text in due:
                row = made[text]
                size = sys.getsizeof(text) + len(row.json) + _ENTRY
                if size <= self._limit and text not in self._shelves.get(shelf, _EMPTY):
                    # A copy, as a view would keep the batch that the row was computed in.
                    kept = Row(bytes(row.json), row.tokens), size
                    self._shelves.setdefault(shelf, OrderedDict())[text] = kept
                    self._bytes += size
            while self._bytes > self._limit:
                self._drop_one()

    def _drop_one(self) -> None:
        shelf, rows = next(iter(self._shelves.items()))
        _, (_, size) = rows.popitem(last=False)
        self._bytes -= size
        if not rows:
            del self._shelves[shelf]

    def _come_again(self, shelf: _Shelf, texts: Iterable[str]) -> list[str]:
        """Those of the texts that came before; the others are remembered."""
        salt = hash(shelf)
        numbers = {text: hash(text) ^ salt for text in texts}
        again = [text for text, number in numbers.items() if number in self._came_once]
        if len(self._came_once) > _REMEMBERED:
            self._came_once.clear()
        self._came_once.update(numbers.values())
        return again

    def state(self) -> CacheState:
        """Count what is kept and what was found."""
        with self._lock:
            rows = sum(map(len, self._shelves.values()))
            return CacheState(rows, self._bytes, self._hits, self._misses)
