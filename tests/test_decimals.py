"""Numbers as JSON."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from relace_mock.vectors.decimals import SCALE, arrays, cells


def written(*values: int) -> bytes:
    (row,) = arrays(cells(np.array([values], np.int32)))
    return bytes(row) + b"]"


def test_every_number_is_written_with_eight_decimals_and_a_blank_for_plus() -> None:
    assert written(12345678, -1, 0) == b"[ 0.12345678,-0.00000001, 0.00000000]"


def test_one_and_minus_one_can_be_written() -> None:
    assert written(SCALE, -SCALE) == b"[ 1.00000000,-1.00000000]"


@given(st.lists(st.integers(-SCALE, SCALE), min_size=1, max_size=20))
def test_what_is_written_reads_as_the_nearest_doubles(values: list[int]) -> None:
    assert json.loads(written(*values)) == [value / SCALE for value in values]
