"""Token counts: what `usage.total_tokens` says.

An estimate of what a Qwen-style tokenizer splits before it merges: a run of letters with
the blank or sign before it, each digit, a run of signs, a run of blanks, and one
end-of-text for every input. The documented example, `input 1` and `input 2`, costs 8
tokens (documented), and a batch costs what its texts cost apart (policy).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_BREAK, _BLANK, _LETTER, _DIGIT, _SIGN, _WIDE = range(6)


def _class_of(byte: int) -> int:
    if byte in b"\r\n":
        return _BREAK
    if byte in b" \t":
        return _BLANK
    if byte in b"0123456789":
        return _DIGIT
    if 0xE3 <= byte <= 0xF4:  # leads a character from U+3000 on, about one token each
        return _WIDE
    if byte >= 0x80 or chr(byte).isalpha():
        return _LETTER
    return _SIGN


def _begins_token(before: int, here: int, after: int) -> bool:
    if here in (_DIGIT, _WIDE):
        return True
    if here == _BREAK:
        return before not in (_BREAK, _SIGN)
    if here == _LETTER:
        return before not in (_LETTER, _WIDE)
    if here == _SIGN:  # a single sign goes with the letters that follow
        return before != _SIGN and after != _LETTER
    # A blank goes with what follows it, the last of several too.
    return before != _BLANK and after in (_BLANK, _DIGIT, _WIDE)


_CLASSES = bytes(map(_class_of, range(256)))
_BEGINS = bytes(n < 216 and _begins_token(n // 36, n // 6 % 6, n % 6) for n in range(256))


def count_tokens(texts: Sequence[bytes]) -> list[int]:
    """The tokens of each text, UTF-8; at least 1."""
    joined = b"\n".join([b"", *texts, b""])
    classes = np.frombuffer(joined.translate(_CLASSES), np.uint8)
    context = classes[:-2] * np.uint8(36) + classes[1:-1] * np.uint8(6) + classes[2:]
    begins = np.frombuffer(context.tobytes().translate(_BEGINS), np.bool_)
    counts = []
    start = 0
    for text in texts:
        end = start + len(text)
        counts.append(1 + int(np.count_nonzero(begins[start:end])))
        start = end + 1
    return counts
