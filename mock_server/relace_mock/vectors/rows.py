"""Texts to rendered vectors and token counts, and the cache of those that come again.

In CI the same texts come again and again. So rendered rows are kept, up to a number of bytes.
When there are more, the least recently used rows are dropped.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from relace_mock.messages import Embedded, EmbedRequest, OutputDtype, Piece
from relace_mock.settings import Settings
from relace_mock.vectors.embedding import Space, space, space_key
from relace_mock.vectors.known import KnownSpace
from relace_mock.vectors.tokens import count_tokens

if TYPE_CHECKING:
    from relace_mock.scenario.known_vectors import KnownVectors

_SPACES = 16  # spaces that are kept, each for a model and a number of dimensions
_ENTRY = 420  # bytes of an entry beside its text and its row, about
_REMEMBERED = 1 << 14  # texts that came once


class Batch(NamedTuple):
    """The answer that a recorded row came in: its number, and how many texts it answered.

    ``told`` says that the answer told its number of tokens.
    """

    number: int
    texts: int
    told: bool


class Row(NamedTuple):
    """A text's vector as a JSON array without its closing bracket, and its tokens.

    ``batch`` is None if these are the text's own tokens, not a share of a batch.
    """

    json: Piece
    tokens: int
    batch: Batch | None = None


class CacheState(NamedTuple):
    """Cache statistics. ``hits`` and ``misses`` count texts."""

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

    def embed(self, request: EmbedRequest, known: KnownVectors | None = None) -> Embedded:
        """The vectors of all inputs, each computed once; ``known`` has those of a scenario."""
        dimensions = request.dimensions or self._settings.dimensions
        key = self._key(request.model, dimensions)
        space, dtype = self._space(key, dimensions), request.output_dtype
        if known is None:
            found = self._found(key, space, dtype, request.input)
        else:
            entries = known.entries_of(request.input)
            others = [text for text in request.input if text not in entries]
            found = self._found(key, space, dtype, others)
            # Cached under another key, as each scenario may give these texts another vector.
            key += known.digest.encode()
            found |= self._found(key, KnownSpace(known, entries, space), dtype, list(entries))
        chosen = [found[text] for text in request.input]
        return Embedded([row.json for row in chosen], sum([row.tokens for row in chosen]))

    def space_of(self, model: str, dimensions: int) -> Space:
        """Return the space in which the texts of a model lie."""
        return self._space(self._key(model, dimensions), dimensions)

    def rows_in(self, of: Space, dtype: OutputDtype, texts: Sequence[str]) -> dict[str, Row]:
        """Return the rows of texts in any space. They are not cached."""
        encoded = [text.encode() for text in texts]
        rows = self._rows(of, dtype, encoded) if texts else []
        return dict(zip(texts, map(Row, rows, count_tokens(encoded)), strict=True))

    def _found(
        self, key: bytes, space: Space, dtype: OutputDtype, texts: Sequence[str]
    ) -> dict[str, Row]:
        """The rows of some texts, from the cache or computed."""
        found, missing = self._cache.find(key, dtype, texts)
        if missing:
            made = self.rows_in(space, dtype, missing)
            self._cache.keep(key, dtype, made)
            found |= made
        return found

    def _new_key(self, model: str, dimensions: int) -> bytes:
        name, seed = self._settings.embedding, self._settings.seed
        return space_key(name, model=model, dimensions=dimensions, seed=seed)

    def _new_space(self, key: bytes, dimensions: int) -> Space:
        return space(self._settings.embedding, key, dimensions)

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

    A row is kept ``at_once``, or else when its text comes for the second time.
    """

    def __init__(self, limit: int, *, at_once: bool = True) -> None:
        self._limit = limit
        self._at_once = at_once
        self._came_once: set[int] = set()
        self._rows: OrderedDict[tuple[bytes, OutputDtype, str], tuple[Row, int]] = OrderedDict()
        self._bytes = self._hits = self._misses = 0
        self._lock = threading.Lock()

    def find(
        self, space: bytes, dtype: OutputDtype, texts: Sequence[str]
    ) -> tuple[dict[str, Row], list[str]]:
        """The rows that are kept, by text, and the texts whose rows are not, each once."""
        found = {}
        missing = []
        with self._lock:
            for text in texts:
                key = (space, dtype, text)
                if kept := self._rows.get(key):
                    self._rows.move_to_end(key)
                    found[text], _ = kept
                else:
                    missing.append(text)
            self._misses += len(missing)
            self._hits += len(texts) - len(missing)
        return found, list(dict.fromkeys(missing))

    def has_all(self, space: bytes, dtype: OutputDtype, texts: Sequence[str]) -> bool:
        """Whether the rows of all these texts are kept."""
        with self._lock:
            rows = self._rows  # a loop: a generator takes twice as long
            for text in texts:  # noqa: SIM110 - as above
                if (space, dtype, text) not in rows:
                    return False
            return True

    def keep(self, space: bytes, dtype: OutputDtype, rows: dict[str, Row]) -> None:
        """Keep rows by their texts, and drop the longest unused ones for them."""
        with self._lock:
            for text, row in rows.items():
                key = (space, dtype, text)
                if key in self._rows or not self._is_due(key):
                    continue
                size = sys.getsizeof(text) + len(row.json) + _ENTRY
                if size > self._limit:
                    continue
                # A copy, as a view would keep the batch that the row was computed in.
                self._rows[key] = row._replace(json=bytes(row.json)), size
                self._bytes += size
            while self._bytes > self._limit:
                _, (_, size) = self._rows.popitem(last=False)
                self._bytes -= size

    def _is_due(self, key: tuple[bytes, OutputDtype, str]) -> bool:
        if self._at_once:
            return True
        number = hash(key)
        if number in self._came_once:
            self._came_once.discard(number)
            return True
        if len(self._came_once) >= _REMEMBERED:
            self._came_once.clear()
        self._came_once.add(number)
        return False

    def state(self) -> CacheState:
        """Return the cache statistics."""
        with self._lock:
            return CacheState(len(self._rows), self._bytes, self._hits, self._misses)
