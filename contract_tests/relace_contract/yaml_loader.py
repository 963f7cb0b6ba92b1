"""The loader for YAML: safe, and the fast one of libyaml where PyYAML was built with it."""

from __future__ import annotations

from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: bytes) -> Any:
    """What a YAML document says. Raises ``yaml.YAMLError``."""
    return yaml.load(text, _LOADER)  # noqa: S506 - both loaders are safe
