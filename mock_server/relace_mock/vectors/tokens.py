"""Token counts: what `usage.total_tokens` says.

An estimate of what a Qwen-style tokenizer splits before it merges: a run of letters with
the blank or sign before it, each digit, a run of signs, a run of blanks, and one
end-of-text for every input. The documented example, `input 1` and `input 2`, costs 8
tokens (documented), and a batch costs what its texts cost apart (policy). Each text is
counted as if a line break stood before and after it, so breaks at its very start cost
nothing (policy).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Each byte begins a token unless its neighbours forbid it. Its class is spelled in bits, so
# that a handful of operations on whole batches decides. The low four bits say what kind of
# byte it is. The high four say which kinds may not begin a token right after it.
_LETTER, _SIGN, _BREAK, _BLANK = 1, 2, 4, 8
_FORBIDS_AFTER = {
    _LETTER: _LETTER,  # a run of letters is one token
    _SIGN: _SIGN | _BREAK,  # so is a run of signs, with the end of its line
    _BREAK: _BREAK,
    _BLANK: _BLANK,
}
_DIGIT = 0  # a token each
_WIDE = _LETTER << 4  # so is a character from U+3000 on; letters that follow go with it


def _class_of(byte: int) -> int:
    if byte in b"0123456789":
        return _DIGIT
    if 0xE3 <= byte <= 0xF4:  # leads a character from U+3000 on, about one token each
        return _WIDE
    if byte in b"\r\n":
        kind = _BREAK
    elif byte in b" \t":
        kind = _BLANK
    elif byte >= 0x80 or chr(byte).isalpha():
        kind = _LETTER
    else:
        kind = _SIGN
    return kind | _FORBIDS_AFTER[kind] << 4


_CLASSES = bytes(map(_class_of, range(256)))


def count_tokens(texts: Sequence[bytes]) -> list[int]:
    """The tokens of each text, UTF-8; at least 1."""
    joined = b"\n".join([b"", *texts, b"", b""])
    classes = np.frombuffer(joined.translate(_CLASSES), np.uint8)
    # What the byte after forbids. A letter forbids a sign, which goes with it. A letter, a
    # sign or a break forbids a blank. Times -2, modulo 256, the three give bits 1 and 3,
    # bit 3, and bit 3; the mask drops the rest.
    forbidden = classes[2:] & np.uint8(_LETTER | _SIGN | _BREAK)
    forbidden *= np.uint8(254)
    forbidden &= np.uint8(_SIGN | _BLANK)
    forbidden |= classes[:-2] >> np.uint8(4)
    forbidden &= classes[1:-1]
    begins = (forbidden == 0).view(np.uint8)
    with_break = np.fromiter(map(len, texts), np.intp, len(texts)) + 1
    ends = np.cumsum(with_break)
    begins[ends - 1] = 1  # the break after a text stands for its end-of-text
    counts: list[int] = np.add.reduceat(begins, ends - with_break, dtype=np.uint32).tolist()
    return counts
