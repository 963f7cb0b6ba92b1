"""Where the kit finds the contract."""

from __future__ import annotations

from pathlib import Path


def path() -> Path:
    """``openapi.yaml``: in a wheel it lies in this package, in a checkout beside it."""
    package = Path(__file__).parent
    packaged = package / "openapi.yaml"
    return packaged if packaged.exists() else package.parent / "openapi.yaml"
