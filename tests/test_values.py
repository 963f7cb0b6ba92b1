"""A body with very many JSON values is refused without being parsed: a parser blocks all threads."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import relace_mock
from relace_mock.validation import values
from relace_mock.validation.values import has_more_values
from tests.conftest import KEY

STRINGS = st.text(st.sampled_from('a,[{"\\\n\x00é漢😀'), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | STRINGS,
    lambda inner: st.lists(inner) | st.dictionaries(STRINGS, inner),
)


def starts(value: Any) -> int:
    """The number of commas and opening brackets that a value has outside strings."""
    if not isinstance(value, (list, dict)):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(0, len(value) - 1) + sum(map(starts, inner))


@given(
    value=JSON, block=st.integers(1, 40), indent=st.sampled_from([None, 1]), ascii_=st.booleans()
)
@example(value=['\\"', "\\", ","], block=3, indent=None, ascii_=True)
def test_it_counts_values_outside_strings_wherever_a_block_ends(
    value: Any, block: int, indent: int | None, ascii_: bool
) -> None:
    body = json.dumps(value, indent=indent, ensure_ascii=ascii_).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "_BLOCK", block)
        count = starts(value)
        assert not has_more_values(body, count)
        assert not count or has_more_values(body, count - 1)


MANY = 400_000


@pytest.mark.parametrize(
    "value",
    ['"a"', "[]", "{}", "1", "null", '{"": 0}', "[[[]]]", r'"\\"', r'"\""'],
)
@pytest.mark.parametrize("place", ['{"model": "m", "input": [%s]}', '{"other": [%s]}', "[%s"])
@pytest.mark.parametrize("path", ["/v1/code/embed", "/v2/code/rank"])
def test_too_many_values_of_any_kind_at_any_place_are_refused_unparsed(
    value: str, place: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relace_mock.validation.orjson.loads", None)
    headers = KEY | {"Content-Type": "application/json"}
    with httpx.Client(transport=relace_mock.transport(), base_url="http://x") as client:
        answer = client.post(path, content=place % ",".join([value] * MANY), headers=headers)
    assert answer.status_code == 413
    assert "more than 116384 JSON values" in answer.json()["error"]


def test_texts_full_of_commas_and_brackets_are_no_values() -> None:
    with httpx.Client(transport=relace_mock.transport(dimensions=8), base_url="http://x") as client:
        body = {"model": "m", "input": [r'[{,"\\' * 200_000] * 2}
        assert client.post("/v1/code/embed", json=body, headers=KEY).status_code == 200
