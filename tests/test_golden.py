"""Law 1: the vectors never change."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tests import golden


@pytest.mark.parametrize("case", golden.load(), ids=lambda case: case["name"])
def test_golden_vectors_are_reproduced_to_the_last_digit(case: dict[str, Any]) -> None:
    assert golden.result_of(case) == {"first": case["first"], "sha256": case["sha256"]}


def test_golden_vectors_do_not_depend_on_the_processor() -> None:
    """The oldest BLAS kernels and the scalar loops of NumPy give the same numbers."""
    extensions = np.show_config(mode="dicts")["SIMD Extensions"]
    plain = {
        "OPENBLAS_CORETYPE": "Prescott",
        "NPY_DISABLE_CPU_FEATURES": " ".join(extensions.get("found", [])),
    }
    check = (
        "from tests import golden\n"
        "for case in golden.load():\n"
        "    assert golden.result_of(case)['sha256'] == case['sha256'], case['name']\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", check],
        env=os.environ | plain,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
