"""Where vectors come from if they were recorded, or if an upstream is asked for them."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from relace_mock.counts import counted
from relace_mock.messages import Embedded, EmbedRequest, Headers, Reply, Source, Told
from relace_mock.recording import misses, results, tokens
from relace_mock.recording.directions import Directions, dimensions_of, direction
from relace_mock.recording.file import Kept, Recording, RecordingError, Space
from relace_mock.recording.passing import beginning, error_reply, passed_on
from relace_mock.recording.upstream import Upstream, UpstreamAnswer, UpstreamError
from relace_mock.refusals import Refusal, origin_failed
from relace_mock.rendering import refused
from relace_mock.settings import OnMiss
from relace_mock.vectors.hashed import Components
from relace_mock.vectors.known import KnownSpace
from relace_mock.vectors.rows import Batch, Embedder, Row, RowCache

if TYPE_CHECKING:
    from relace_mock.scenario.known_vectors import KnownVector, KnownVectors

_LOG = logging.getLogger(__name__)
_NUMBERS = itertools.count(1)  # of answers that are not recorded


class Supplied(NamedTuple):
    """The vectors of a request, or the reply that says why there are none.

    ``missed`` says that texts are not in the recording. ``notes`` are for the journal.
    """

    outcome: Embedded | Reply
    notes: Sequence[str] = ()
    told: Told | None = None
    missed: bool = False


class Origins(NamedTuple):
    """What a source answers from. ``records`` says that the upstream's answers are recorded.

    ``dimensions`` is the length of computed vectors.
    """

    recording: Recording | None
    upstream: Upstream | None
    on_miss: OnMiss
    embedder: Embedder
    dimensions: int
    records: bool = False
    keep_text: bool = False


class RecordedSource:
    """Vectors of a recording, of an upstream, or of both. Safe to use from several threads.

    Rendered rows are kept in ``cache``, under the ``name`` of the recording.
    """

    def __init__(self, origins: Origins, cache: RowCache, name: str) -> None:
        self.origins = origins
        self.cache = cache
        self._name = name

    def space(self, request: EmbedRequest) -> bytes:
        """The key of the request's model in the cache."""
        return f"{self._name}\n{request.model}".encode()

    def has_at_hand(self, request: EmbedRequest) -> bool:
        """Whether the answer needs neither a file nor the upstream."""
        if request.dimensions is not None:  # they are compared with those of the recording
            return False
        return self.cache.has_all(self.space(request), request.output_dtype, request.input)

    def supply(
        self, request: EmbedRequest, key: str | None, known: KnownVectors | None = None
    ) -> Supplied:
        """The vectors of a request. ``key`` is the client's, for an upstream without a key.

        ``known`` has those of a scenario, which take precedence over recorded ones.
        """
        return _Supply(self, request, key).supplied(known)


class _FailedError(Exception):
    """There are no vectors. The reply says why."""

    def __init__(self, reply: Reply | Refusal, *, missed: bool = False) -> None:
        super().__init__(reply.status)
        self.reply = refused(reply) if isinstance(reply, Refusal) else reply
        self.missed = missed


class _Supply:
    """The search for the vectors of one request."""

    def __init__(self, source: RecordedSource, request: EmbedRequest, key: str | None) -> None:
        self._source = source
        self._origins = source.origins
        self._request = request
        self._key = key
        self._rows: dict[str, Row] = {}
        self._sources: set[Source] = set()
        self._notes: list[str] = []
        self._headers: Headers = ()
        self._told: Told | None = None

    def supplied(self, known: KnownVectors | None) -> Supplied:
        try:
            outcome = self._embedded(known)
        except _FailedError as failed:
            return Supplied(failed.reply, self._notes, self._told, failed.missed)
        except RecordingError as error:
            _LOG.error("relace-mock: %s", error)
            return Supplied(refused(Refusal(500, str(error))), self._notes, self._told)
        return Supplied(outcome, self._notes, self._told)

    def _embedded(self, known: KnownVectors | None) -> Embedded:
        request = self._request
        self._check_dimensions()
        entries = known.entries_of(request.input) if known else {}
        self._gather([text for text in request.input if text not in entries])
        if known and entries:
            self._place(known, entries)
        total, notes = tokens.total(self._rows, request.input)
        self._notes += notes
        source: Source = "mixed"
        if len(self._sources) == 1:
            (source,) = self._sources
        rows = [self._rows[text].json for text in request.input]
        return Embedded(rows, total, source, self._headers)

    def _gather(self, texts: Sequence[str], *, near: bool = False) -> None:
        """Get the vectors of these texts; ``near`` says that a scenario's vectors need them."""
        request = self._request
        cached, missing = self._source.cache.find(
            self._source.space(request), request.output_dtype, texts
        )
        self._have(cached, "recorded")
        missing = self._look_up(missing)
        if not missing:
            return
        match self._origins.on_miss:
            case "forward":
                self._forward(missing)
            case "synthesize":
                self._compute(missing)
            case "error":
                recording = self._origins.recording
                refusal = misses.missed(recording, request, len(missing), near=near)
                self._notes.append(refusal.detail)
                raise _FailedError(refusal, missed=True)

    def _place(self, known: KnownVectors, entries: Mapping[str, KnownVector]) -> None:
        """Get the vectors that a scenario fixes, or places near recorded ones."""
        request, embedder = self._request, self._origins.embedder
        targets = self._targets(known, entries)
        fixed = [len(entry.vector) for entry in entries.values() if entry.vector is not None]
        dimensions = self._dimensions(targets) or (fixed or [self._origins.dimensions])[0]
        for given in fixed:
            if given != dimensions:
                raise _FailedError(misses.other_known(given, dimensions, request.model))
        computed = embedder.space_of(request.model, -(-dimensions // 8) * 8)
        space = KnownSpace(known, entries, Directions(targets, computed, dimensions))
        self._have(embedder.rows_in(space, request.output_dtype, list(entries)), "computed")

    def _targets(
        self, known: KnownVectors, entries: Mapping[str, KnownVector]
    ) -> dict[bytes, Components]:
        """The vectors of the texts that entries are ``near`` to, except of texts with an entry."""
        near = dict.fromkeys(each.near for each in entries.values() if each.near is not None)
        texts = [text for text in near if known.entry_of(text) is None]
        if not texts:
            return {}
        request = self._request._replace(input=texts, output_dtype="float")
        other = _Supply(self._source, request, self._key)
        try:
            other._gather(texts, near=True)
        finally:
            self._notes += other._notes
            self._told = self._told or other._told
        targets = {}
        for text in texts:
            found = direction(other._rows[text].json)
            if found is None:
                raise _FailedError(misses.no_direction(text))
            targets[text.encode()] = found
        return targets

    def _dimensions(self, targets: Mapping[bytes, Components]) -> int | None:
        """The dimensions of the other vectors, which no scenario fixes; None if there are none."""
        recorded = self._request.dimensions or self._recorded_dimensions()
        if recorded is not None:
            return recorded
        for target in targets.values():
            return len(target)
        for row in self._rows.values():
            return dimensions_of(row.json, binary=self._request.output_dtype == "binary")
        return None

    def _have(self, rows: dict[str, Row], source: Source) -> None:
        if rows:
            self._rows |= rows
            self._sources.add(source)

    def _check_dimensions(self) -> None:
        """Refuse the dimensions that a scenario asks for, if the recorded vectors have others."""
        asked = self._request.dimensions
        if asked is None:
            return
        recorded = self._recorded_dimensions()
        if recorded is not None and asked != recorded:
            raise _FailedError(misses.other_dimensions(asked, recorded, self._request.model))

    def _recorded_dimensions(self) -> int | None:
        recording, request = self._origins.recording, self._request
        return recording.dimensions(request.model) if recording else None

    def _look_up(self, texts: list[str]) -> list[str]:
        """Take the recorded vectors of these texts, and return the texts that have none."""
        recording, request = self._origins.recording, self._request
        if recording is None or not texts:
            return texts
        kept = recording.find(request.model, request.output_dtype, texts)
        if self._origins.keep_text:
            recording.keep_texts(kept)
        rows = {text: _row(found) for text, found in kept.items()}
        self._source.cache.keep(self._source.space(request), request.output_dtype, rows)
        self._have(rows, "recorded")
        return [text for text in texts if text not in kept]

    def _compute(self, texts: list[str]) -> None:
        """Compute vectors. Refuse to if the recorded vectors have other dimensions."""
        dimensions = self._request.dimensions or self._origins.dimensions
        recorded = self._recorded_dimensions()
        if recorded is not None and recorded != dimensions:
            raise _FailedError(misses.other_dimensions(dimensions, recorded, self._request.model))
        for text in texts:
            made = self._origins.embedder.embed(self._request._replace(input=[text]))
            self._have({text: Row(made.rows[0], made.total_tokens or 0)}, "computed")

    def _forward(self, texts: list[str]) -> None:
        """Ask the upstream, unless another request is asking it for the same texts."""
        recording, request = self._origins.recording, self._request
        if recording is None or not self._origins.records:
            self._ask(texts)
            return
        while texts:
            keys = [(request.model, request.output_dtype, text) for text in texts]
            mine, others = recording.flights.claim(keys)
            try:
                # One of them may have been recorded since it was looked up.
                if asked := self._look_up([text for _, _, text in mine]):
                    self._ask(asked)
            finally:
                recording.flights.release(mine)
            for landed in others:
                landed.wait()
            texts = self._look_up([text for text in texts if text not in self._rows])

    def _ask(self, texts: list[str]) -> None:
        """Take the vectors from the upstream, and record them."""
        upstream, request = self._origins.upstream, self._request
        assert upstream is not None
        try:
            answer = upstream.ask(request.model, request.output_dtype, texts, self._key)
        except UpstreamError as error:
            self._told = Told(upstream.host, None, error=str(error))
            raise _FailedError(origin_failed(f"{upstream.host}: {error}")) from None
        self._tell(answer)
        if answer.status >= 400:
            raise _FailedError(error_reply(answer))
        try:
            found = results.read(answer, len(texts))
            self._check_length(found.vectors[0].length)
        except results.WrongAnswerError as error:
            detail = f"{upstream.host} answered {answer.status}, but {error}. Nothing was recorded"
            raise _FailedError(origin_failed(detail)) from None
        self._headers = passed_on(answer.headers)
        vectors = dict(zip(texts, found.vectors, strict=True))
        counts = tokens.shares(texts, found.total_tokens)
        number = -next(_NUMBERS)
        if self._origins.recording is not None and self._origins.records:
            space = Space(request.model, request.output_dtype, found.vectors[0].length)
            added = self._origins.recording.add(
                space,
                vectors,
                counts,
                found.total_tokens,
                upstream.host,
                keep_text=self._origins.keep_text,
            )
            number, vectors = added.answer, vectors | added.kept
            if added.kept:
                self._notes.append(misses.drift(len(added.kept), upstream.host))
        batch = Batch(number, len(texts), found.total_tokens is not None)
        rows = {
            text: Row(vector.row, count or 0, batch if count is None or len(texts) > 1 else None)
            for (text, vector), count in zip(vectors.items(), counts, strict=True)
        }
        if self._origins.records:
            self._source.cache.keep(self._source.space(request), request.output_dtype, rows)
        self._have(rows, "forwarded")

    def _tell(self, answer: UpstreamAnswer) -> None:
        """Note what the upstream answered, for the journal."""
        upstream = self._origins.upstream
        assert upstream is not None
        error = beginning(answer.body) if answer.status != 200 else ""
        headers = passed_on(answer.headers)
        self._told = Told(upstream.host, answer.status, headers, error, answer.waited)
        if answer.waits:
            self._notes.append(
                f"the upstream sent {counted(answer.waits, 'response')} with 429 first; waiting took "
                f"{answer.waited:.1f} s"
            )

    def _check_length(self, length: int) -> None:
        """Refuse vectors of another length than those that are recorded or asked for."""
        dimensions = length * (8 if self._request.output_dtype == "binary" else 1)
        recorded, asked = self._recorded_dimensions(), self._request.dimensions
        if recorded is not None and dimensions != recorded:
            raise results.WrongAnswerError(
                f"its vectors have {dimensions} dimensions, but the recorded ones of this model "
                f"have {recorded}"
            )
        if asked is not None and dimensions != asked:
            raise results.WrongAnswerError(
                f"its vectors have {dimensions} dimensions, but the scenario asks for {asked}"
            )


def _row(kept: Kept) -> Row:
    alone = kept.batch.texts == 1 and kept.tokens is not None
    return Row(kept.vector.row, kept.tokens or 0, None if alone else kept.batch)
