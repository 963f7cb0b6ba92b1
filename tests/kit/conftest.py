"""Give Hypothesis one folder for its caches, which the many processes of these tests share."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault(
    "HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).parents[2] / ".hypothesis")
)
