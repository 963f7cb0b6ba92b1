"""Hypothesis keeps its caches in one place here, as the many processes of these tests share them."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault(
    "HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).parents[2] / ".hypothesis")
)
