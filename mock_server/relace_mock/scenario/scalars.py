"""Convert a YAML scalar to its value, in linear time and without shared state.

PyYAML's ``construct_object`` keeps every node that it ever built, and its numbers such as
``1:30:30`` take quadratic time. The methods used here keep nothing, and long numbers in such forms
are refused before they are computed.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from relace_mock.excerpts import shortened

TAGS = "tag:yaml.org,2002:"
_CONSTRUCTOR = yaml.constructor.SafeConstructor()
_VALUE_OF = {
    f"{TAGS}null": _CONSTRUCTOR.construct_yaml_null,
    f"{TAGS}bool": _CONSTRUCTOR.construct_yaml_bool,
    f"{TAGS}int": _CONSTRUCTOR.construct_yaml_int,
    f"{TAGS}float": _CONSTRUCTOR.construct_yaml_float,
    f"{TAGS}timestamp": _CONSTRUCTOR.construct_yaml_timestamp,
    f"{TAGS}binary": _CONSTRUCTOR.construct_yaml_binary,
}
_LONGEST_NUMBER = 4000  # characters; Python refuses to convert more than 4,300 digits
_LONGEST_SUM = 60  # characters of a number that is computed for a message
# Numbers that mean the same to everyone. In YAML 0755 is 493, 1:30 is 90, and 1_000 is 1000.
_PLAIN_NUMBER = re.compile(r"[-+]?(0|[1-9]\d*|\d*\.\d*([eE][-+]?\d+)?|\.inf|\.nan)", re.IGNORECASE)
_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?[eE][-+]?\d+")


def value_of(scalar: yaml.ScalarNode) -> Any:
    """The value of a scalar. Raises ``ValueError`` with the problem."""
    text: str = scalar.value
    if scalar.tag == f"{TAGS}str":
        # 1e3 is a number in JSON, and a string in YAML.
        is_number = (
            not scalar.style and len(text) <= _LONGEST_NUMBER and _JSON_NUMBER.fullmatch(text)
        )
        return float(text) if is_number else text
    if scalar.tag in (f"{TAGS}int", f"{TAGS}float"):
        _refuse_odd_number(scalar, text)
    return _constructed(scalar)


def _refuse_odd_number(scalar: yaml.ScalarNode, text: str) -> None:
    """Refuse a number that YAML and people read differently, or that is too long."""
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(_unreadable(text))
    if _PLAIN_NUMBER.fullmatch(text):
        return
    value = _constructed(scalar) if len(text) <= _LONGEST_SUM else None
    read = isinstance(value, float) or (value is not None and abs(value) < 2**64)
    shown = shortened(repr(value)) if read else "too large"
    raise ValueError(f"{shortened(text)} is {shown} in YAML: write that, or put it in quotes")


def _constructed(scalar: yaml.ScalarNode) -> Any:
    try:
        return _VALUE_OF[scalar.tag](scalar)
    except (ValueError, KeyError, yaml.YAMLError):
        raise ValueError(_unreadable(scalar.value)) from None


def _unreadable(text: str) -> str:
    return f"{shortened(text)!r} cannot be read: put it in quotes"
