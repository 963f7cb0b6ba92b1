"""``relace_mock.embed``: vectors without a server."""

from __future__ import annotations

import subprocess
import sys
from collections import UserList
from typing import Any

import httpx
import numpy as np
import pytest

import relace_mock
from relace_mock import SettingsError

TEXTS = ["def add(a, b): return a + b", "", "größer 木", "def add(a, b): return a + b"]


@pytest.mark.parametrize("output_dtype", ["float", "binary"])
def test_embed_gives_the_numbers_that_a_server_sends(output_dtype: Any) -> None:
    client = httpx.Client(transport=relace_mock.transport(seed=3, dimensions=64))
    body = {"model": "m", "input": [text or " " for text in TEXTS], "output_dtype": output_dtype}
    answer = client.post(
        "http://mock/v1/code/embed", json=body, headers={"Authorization": "Bearer k"}
    ).json()
    computed = relace_mock.embed(
        body["input"], model="m", output_dtype=output_dtype, seed=3, dimensions=64
    )
    assert computed.tolist() == [result["embedding"] for result in answer["results"]]
    assert computed.dtype == (np.float64 if output_dtype == "float" else np.int8)


def test_embed_gives_a_row_for_each_text_in_order() -> None:
    computed = relace_mock.embed(TEXTS)
    assert computed.shape == (4, 2560)
    assert (computed[0] == computed[3]).all()
    assert np.abs(np.linalg.norm(computed, axis=1) - 1).max() < 1e-6
    assert (relace_mock.embed(reversed(TEXTS))[::-1] == computed).all()


def test_one_string_gives_one_vector() -> None:
    assert relace_mock.embed("a").shape == (2560,)
    assert (relace_mock.embed("a") == relace_mock.embed(["a"])[0]).all()
    assert relace_mock.embed("a", output_dtype="binary").shape == (320,)


def test_no_texts_give_no_rows() -> None:
    assert relace_mock.embed([]).shape == (0, 2560)
    assert relace_mock.embed(iter([]), output_dtype="binary").shape == (0, 320)


def test_a_batch_gives_what_its_texts_give_alone() -> None:
    texts = [f"def f{number}(): return {number}" for number in range(600)]
    computed = relace_mock.embed(texts, dimensions=8)
    for at in (0, 255, 256, 599):
        assert (computed[at] == relace_mock.embed(texts[at], dimensions=8)).all()


@pytest.mark.parametrize(
    "texts", [UserList("ab"), ("a", "b"), np.array(["a", "b"]), {"a": 1, "b": 2}.keys()]
)
def test_texts_may_be_any_iterable_of_strings(texts: Any) -> None:
    assert (
        relace_mock.embed(texts, dimensions=8) == relace_mock.embed(["a", "b"], dimensions=8)
    ).all()


def test_binary_vectors_are_the_sign_bits_of_float_vectors() -> None:
    signs = relace_mock.embed("a", dimensions=16) > 0
    for order in ("big", "little"):
        packed = relace_mock.embed(
            "a", dimensions=16, output_dtype="binary", binary_dtype="uint8", bit_order=order
        )
        assert packed.dtype == np.uint8
        assert (np.unpackbits(packed, bitorder=order) == signs).all()


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (None, "not None"),
        (3, "not 3"),
        (b"a", "not b'a'"),
        ({"a": 1}, "not {'a': 1}"),
        (["a", 3], "number 1, counted from 0, is 3"),
        ([["a"]], r"number 0, counted from 0, is \['a'\]"),
        (["a", None], "is None"),
    ],
)
def test_what_is_not_text_is_refused_in_one_line(texts: Any, words: str) -> None:
    with pytest.raises(TypeError, match=f"takes a string, or a list of strings.*{words}") as caught:
        relace_mock.embed(texts)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"model": ""}, "model must not be empty"),
        ({"output_dtype": "int8"}, "output_dtype must be float or binary, not 'int8'"),
        ({"dimensions": 7}, "dimensions must be a multiple of 8"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"embedding": "words"}, "embedding must be"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(keywords: Any, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        relace_mock.embed("a", **keywords)


def test_a_model_that_is_not_a_string_is_refused() -> None:
    with pytest.raises(TypeError, match="model must be a string such as 'relace-embed-v1', not 3"):
        relace_mock.embed("a", model=3)  # type: ignore[arg-type]


def test_half_of_a_surrogate_pair_is_refused_with_its_place() -> None:
    with pytest.raises(
        ValueError, match="text 1, counted from 0, cannot be encoded as UTF-8: character 2"
    ):
        relace_mock.embed(["a", "xy\ud800"])


def test_importing_relace_mock_does_not_import_numpy() -> None:
    code = "import sys, relace_mock; print('numpy' in sys.modules, 'embed' in relace_mock.__all__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"
