"""Vectors as NumPy arrays, with the same numbers as the server's responses."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from relace_mock.excerpts import quoted
from relace_mock.messages import OutputDtype
from relace_mock.settings import BinaryDtype, BitOrder, Settings, SettingsError, SpaceName
from relace_mock.vectors.decimals import SCALE
from relace_mock.vectors.embedding import Space, space, space_key

#: The model whose vectors are computed if none is named.
MODEL = "relace-embed-v1"

Array = npt.NDArray[Any]

_DEFAULTS = Settings()
_TAKES = "relace_mock.embed takes a string, or a list of strings"
_BATCH = 256  # texts


def embed(
    texts: str | Iterable[str],
    *,
    model: str = MODEL,
    output_dtype: OutputDtype = "float",
    dimensions: int = _DEFAULTS.dimensions,
    seed: int = _DEFAULTS.seed,
    embedding: SpaceName = _DEFAULTS.embedding,
    binary_dtype: BinaryDtype = _DEFAULTS.binary_dtype,
    bit_order: BitOrder = _DEFAULTS.bit_order,
) -> Array:
    """Compute the vectors of texts, without a server.

    The numbers are those that a server with the same settings sends, to the last digit. The vectors
    have length 1, so the cosine of two is their dot product: ``a @ b``.

    Args:
        texts: an iterable of strings, or one string.
        model: name of the model. Each model gives different vectors.
        output_dtype: ``float`` for a number for each dimension, ``binary`` for their sign bits.
        dimensions: length of each vector, a multiple of 8 from 8 to 8192.
        seed: seed of the vectors, at least 0. Another seed gives every text another vector.
        embedding: the space of the vectors, as in ``relace-mock serve --embedding``.
        binary_dtype: type of the bytes of a binary vector, ``int8`` or ``uint8``.
        bit_order: whether the first of eight dimensions is the highest bit of a byte (``big``) or
            the lowest (``little``).

    Returns:
        An array with a row for each text, in order. Its shape is ``(texts, dimensions)`` and its
        type float64; for ``binary`` the shape is ``(texts, dimensions / 8)`` and the type
        ``binary_dtype``. One string gives one vector: the shape lacks the first axis.

    Raises:
        TypeError: ``texts`` or ``model`` is not of the type that is said above.
        SettingsError: a setting is out of range, ``model`` is empty, or a text cannot be UTF-8. It
            is a ``ValueError``.
    """
    if not isinstance(model, str):
        raise TypeError(f"model must be a string such as {MODEL!r}, not {quoted(model)}")
    if not model:
        raise SettingsError(f"model must not be empty: give a name such as {MODEL!r}")
    if output_dtype not in get_args(OutputDtype):
        raise SettingsError(f"output_dtype must be float or binary, not {quoted(output_dtype)}")
    settings = Settings(
        dimensions=dimensions,
        seed=seed,
        embedding=embedding,
        binary_dtype=binary_dtype,
        bit_order=bit_order,
    )
    encoded = _encoded([texts] if isinstance(texts, str) else _listed(texts))
    computed = vectors(encoded, model, output_dtype, settings)
    return computed[0] if isinstance(texts, str) else computed


def vectors(
    texts: Sequence[bytes], model: str, output_dtype: OutputDtype, settings: Settings
) -> Array:
    """Compute the vectors of UTF-8 texts as an array: see ``embed``."""
    of = _space(settings.embedding, model, settings.dimensions, settings.seed)
    is_binary = output_dtype == "binary"
    width = settings.dimensions // 8 if is_binary else settings.dimensions
    computed = np.empty((len(texts), width), settings.binary_dtype if is_binary else np.float64)
    for first in range(0, len(texts), _BATCH):
        components = of.components(texts[first : first + _BATCH])
        rows = computed[first : first + _BATCH]
        if is_binary:
            packed = np.packbits(components > 0, axis=1, bitorder=settings.bit_order)
            rows[:] = packed.view(settings.binary_dtype)
        else:
            np.divide(components, SCALE, out=rows)
    return computed


@functools.lru_cache(4)
def _space(name: SpaceName, model: str, dimensions: int, seed: int) -> Space:
    return space(name, space_key(name, model=model, dimensions=dimensions, seed=seed), dimensions)


def _listed(texts: object) -> list[object]:
    if isinstance(texts, bytes | bytearray | Mapping) or not isinstance(texts, Iterable):
        raise TypeError(f"{_TAKES}, not {quoted(texts)}")
    return list(texts)


def _encoded(texts: Sequence[object]) -> list[bytes]:
    encoded = []
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"{_TAKES}: number {index}, counted from 0, is {quoted(text)}")
        try:
            encoded.append(text.encode())
        except UnicodeEncodeError as error:
            raise SettingsError(
                f"text {index}, counted from 0, cannot be encoded as UTF-8: character {error.start} is half "
                "of a surrogate pair"
            ) from None
    return encoded
