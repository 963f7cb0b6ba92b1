"""Read and write YAML of this package. Users' files are read by ``scenario.source``, with places.

PyYAML is imported late: a server without a scenario never needs it.
"""

from __future__ import annotations

from typing import Any


def loader() -> Any:
    """The class that parses YAML: safe, and the fast one of libyaml if PyYAML was built with it."""
    import yaml  # noqa: PLC0415 - see the top

    fast = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # The C module keeps the classes of PyYAML's first import. After a second import (pytest's
    # `pytester` removes the modules that a test imported) it makes nodes of the old classes.
    works = isinstance(yaml.compose("a", fast), yaml.Node)
    return fast if works else yaml.SafeLoader


def load(text: bytes) -> Any:
    """What a YAML document says."""
    import yaml  # noqa: PLC0415 - see the top

    return yaml.load(text, loader())  # noqa: S506 - both loaders are safe


def dump(value: Any) -> str:
    """Write a value as YAML, with its keys in their order."""
    import yaml  # noqa: PLC0415 - see the top

    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
