"""Finds keys in a text, however they are spelt, and replaces them.

A key is found as it is, in upper or lower case, as JSON escapes it, percent-encoded up to three
times, and with both kinds of escapes together. Where a text was cut, the beginning of a key is
found too: before an ellipsis, and at the end of a text that is known to be cut.

All of this takes time linear in the length of the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

#: A shorter key may be a part of ordinary words.
SHORTEST = 8
_BEGINNING = 6  # characters of a key that are hidden before a cut
_OF_RELACE = re.compile(rb"rlc-[0-9a-z]{32}")  # in lower case, as the two below
_BEGUN_OF_RELACE = re.compile(rb"rlc-[0-9a-z]{8,31}\Z")
# An escape that a cut divides, which may begin with an escape of the other kind.
_HALF_ESCAPES = re.compile(rb"(?:%[0-9a-f]?|\\(?:u[0-9a-f]{0,3})?)+\Z")
_LONGEST_HALF = 24  # bytes
_ELLIPSIS = "…".encode()
_ELLIPSES = re.compile(_ELLIPSIS)
# The JSON escapes of characters that a key can have.
_JSON_ESCAPE = rb'\\(?:u([Dd][89ABab]..)\\u([Dd][C-Fc-f]..)|u([0-9A-Fa-f]{4})|([/"\\]))'
_JSON = re.compile(_JSON_ESCAPE)
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_EITHER = re.compile(rb"%([0-9A-Fa-f]{2})|" + _JSON_ESCAPE)
_LEVELS = 3  # of percent-encoding; one more if there are JSON escapes, too

_Span = tuple[int, int]


class Spellings:
    """Some keys, and the mark that replaces them. With ``relaces``, all keys like Relace's, too."""

    def __init__(self, keys: Iterable[bytes], mark: bytes, *, relaces: bool = False) -> None:
        lower = {key.lower() for key in keys if len(key) >= SHORTEST}
        self._keys = sorted(lower, key=len, reverse=True)
        self._mark = mark
        self._relaces = relaces

    def hidden_in(self, raw: bytes, *, cut: bool = False) -> bytes:
        """The text with the keys hidden. ``cut`` says that the text goes on after its end."""
        if not (cut or b"\\" in raw or b"%" in raw or _ELLIPSIS in raw):  # most texts
            text = raw.lower()
            if b"rlc-" not in text and not any(key in text for key in self._keys):
                return raw
        spans = [span for view in views(raw) for span in self._found(view, cut=cut)]
        if not spans:
            return raw
        shown: list[bytes] = []
        at = 0
        for start, end in _merged(spans):
            shown += (raw[at:start], self._mark)
            at = end
        return b"".join((*shown, raw[at:]))

    def _found(self, view: View, *, cut: bool) -> Iterator[_Span]:
        """Yield where keys are, as spans of the raw text."""
        text = view.text.lower()  # of the same length: only ASCII letters change
        for key in self._keys:
            at = text.find(key)
            while at >= 0:
                yield view.raw_span(at, at + len(key))
                at = text.find(key, at + len(key))
        if self._relaces:
            for match in _OF_RELACE.finditer(text):
                yield view.raw_span(*match.span())
        if cut or _ELLIPSIS in text:
            cuts = [match.start() for match in _ELLIPSES.finditer(text)]
            cuts += [len(text)] if cut else []
            yield from self._begun(view, text, cuts)

    def _begun(self, view: View, text: bytes, cuts: Sequence[int]) -> Iterator[_Span]:
        """Yield where the beginning of a key stands before a cut."""
        stops: list[_Span] = []  # where a beginning may end, and the cut there
        for cut in cuts:
            half = _HALF_ESCAPES.search(text, max(cut - _LONGEST_HALF, 0), cut)
            stops += [(half.start(), cut), (cut, cut)] if half else [(cut, cut)]
        if self._relaces:
            for stop, cut in stops:
                begun = _BEGUN_OF_RELACE.search(text, max(stop - 35, 0), stop)
                if begun:
                    yield view.raw_span(begun.start(), cut)
        for key in self._keys:
            if key[:_BEGINNING] in text:
                for start, cut in _beginnings(text, key, stops):
                    yield view.raw_span(start, cut)


def _beginnings(text: bytes, key: bytes, stops: Iterable[tuple[int, int]]) -> Iterator[_Span]:
    """Yield where the longest beginning of a key starts that ends at a stop, and the cut there.

    This is the algorithm of Knuth, Morris and Pratt. Comparing from every place where the key may
    begin would take quadratic time for a key such as ``aaaa…``.
    """
    fallbacks = _fallbacks(key)
    at = length = 0  # text[at - length : at] is the longest beginning of the key that ends here
    for stop, cut in stops:
        while at < stop:
            if not length:
                at = text.find(key[:_BEGINNING], at, stop)
                if at < 0:
                    at = stop
                    break
                at, length = at + _BEGINNING, _BEGINNING
            elif length < len(key) and text[at] == key[length]:
                at, length = at + 1, length + 1
            else:
                length = fallbacks[length - 1]
        if length >= _BEGINNING:
            yield stop - length, cut


def _fallbacks(key: bytes) -> list[int]:
    """For each beginning of a key, the length of the longest other one with which it ends."""
    fallbacks = [0]
    length = 0
    for byte in key[1:]:
        while length and byte != key[length]:
            length = fallbacks[length - 1]
        length += byte == key[length]
        fallbacks.append(length)
    return fallbacks


class View:
    """A text with one more level of escapes decoded, and the map back to the raw text.

    ``starts`` has the offset of each part in the decoded text. ``raws`` has the offset of the same
    part in the view ``before`` this decoding.
    """

    def __init__(
        self, text: bytes, starts: list[int], raws: list[int], before: View | None
    ) -> None:
        self.text = text
        self._starts = starts
        self._raws = raws
        self._before = before

    def raw_span(self, start: int, end: int) -> _Span:
        """The span of the raw text that a span of this view stands for."""
        if self._before is None:
            return start, end
        return self._before.raw_span(self._raw(start), self._raw(end - 1, after=True))

    def _raw(self, at: int, *, after: bool = False) -> int:
        """Offset of a character in the view before; with ``after``, of its end."""
        part = bisect_right(self._starts, at) - 1
        if part % 2:  # an escape: every second part
            return self._raws[part + 1 if after else part]
        return self._raws[part] + at - self._starts[part] + after


def views(raw: bytes) -> Iterator[View]:
    """Yield the text as sent, with JSON escapes decoded, and percent-decoded up to three times.

    The last views have both kinds of escapes decoded at once, level by level. They show a key in
    JSON within percent-encoding, in percent-encoding within JSON, and in a mixture of both.
    """
    plain = view = both = View(raw, [], [], None)
    yield plain
    is_json = b"\\" in raw
    if not is_json and b"%" not in raw:
        return
    if is_json:
        view = _decoded(plain, _JSON, _json_character)
        yield view
    if not _PERCENT.search(raw):
        both = view  # the first level of both kinds
    view = plain
    for _ in range(_LEVELS):
        if not _PERCENT.search(view.text):
            break
        view = _decoded(view, _PERCENT, _percent_character)
        yield view
        is_json = is_json or b"\\" in view.text
    for _ in range(_LEVELS + 1 if is_json else 0):
        if not _EITHER.search(both.text):
            break
        both = _decoded(both, _EITHER, _character)
        yield both


def unquoted(raw: bytes) -> bytes:
    """The text with one level of percent-encoding decoded."""
    return _PERCENT.sub(_percent_character, raw)


def _decoded(
    before: View, escape: re.Pattern[bytes], undo: Callable[[re.Match[bytes]], bytes]
) -> View:
    """The view with one level of escapes undone."""
    text, parts, starts, raws, at, length = before.text, [], [], [], 0, 0
    for match in escape.finditer(text):
        for part, raw in ((text[at : match.start()], at), (undo(match), match.start())):
            starts.append(length)
            raws.append(raw)
            parts.append(part)
            length += len(part)
        at = match.end()
    starts.append(length)
    raws.append(at)
    parts.append(text[at:])
    return View(b"".join(parts), starts, raws, before)


def _percent_character(match: re.Match[bytes]) -> bytes:
    return bytes((int(match[1], 16),))


def _character(match: re.Match[bytes]) -> bytes:
    return _percent_character(match) if match[1] else _json_character(match)


def _json_character(match: re.Match[bytes]) -> bytes:
    high, low, single, plain = match.groups()[-4:]
    if plain:
        return plain
    code = int(single, 16) if single else 0
    try:
        if high:
            code = 0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00
        return chr(code).encode()
    except ValueError:  # half of a surrogate pair, or not hexadecimal digits
        return b"?"


def _merged(spans: Iterable[_Span]) -> Iterator[_Span]:
    """Yield the spans in order, with overlapping ones merged."""
    first, *others = sorted(spans)
    start, end = first
    for begins, ends in others:
        if begins > end:
            yield start, end
            start, end = begins, ends
        end = max(end, ends)
    yield start, end
