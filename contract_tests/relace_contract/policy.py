"""Which of our policies a subject claims: ``--policy FILE``.

::

    claims: [NORM, DET, BIN-signs]   # families or ids; `all` and `none` are words too
    binary_dtype: uint8              # what a byte of a binary vector is (int8)
    bit_order: little                # which bit is the first dimension (big)
    max_body: 10000000               # bytes; a larger body gets a 413 (50000000)
    quota: true                      # the server has a quota, so a 429 must be seen (false)
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import yaml

from relace_contract.files import FileError, parse_yaml
from relace_contract.files import read as read_file
from relace_contract.foreign_text import brief
from relace_contract.requirements import Requirement, select


@dataclass(frozen=True, slots=True)
class Policy:
    """The undocumented policies that a subject claims; ``claims`` None means all of them."""

    claims: frozenset[str] | None = None
    binary_dtype: Literal["int8", "uint8"] = "int8"
    bit_order: Literal["big", "little"] = "big"
    max_body: int = 50_000_000
    quota: bool = False

    def covers(self, requirement: Requirement) -> bool:
        """Whether a requirement is asked of the subject: all but unclaimed policies are."""
        return requirement.label != "policy" or self.claims is None or requirement.id in self.claims


#: What the live service claims of our policies.
NOTHING = Policy(claims=frozenset())


def read(path: Path, subject: str) -> Policy:
    """The policy in a file. Raises ``FileError``, which names the file and what is wrong."""
    try:
        content = parse_yaml(read_file(path))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{path} is not YAML: {brief(str(error))}") from None
    if not isinstance(content, dict):
        raise FileError(f"{path} must be a mapping, such as `claims: [NORM, DET]`")
    known = [field.name for field in fields(Policy)]
    for name in content:
        if name not in known:
            raise FileError(
                f"{path}: unknown key {brief(repr(name), 80)}; the keys are {', '.join(known)}"
            )
    return Policy(**_checked(path, content, subject))


def _checked(path: Path, content: dict[str, Any], subject: str) -> dict[str, Any]:
    claims = content.pop("claims", "all")
    if claims in ("all", "none"):
        named = None if claims == "all" else frozenset[str]()
    elif isinstance(claims, list) and all(isinstance(name, str) for name in claims):
        try:
            named = frozenset(select(subject, claims)) if claims else frozenset()
        except ValueError as error:
            raise FileError(f"{path}: claims: {error}") from None
    else:
        raise FileError(f"{path}: claims must be a list such as [NORM, DET], or `all` or `none`")
    for name, choices in (("binary_dtype", ("int8", "uint8")), ("bit_order", ("big", "little"))):
        if content.get(name, choices[0]) not in choices:
            raise FileError(f"{path}: {name} must be {' or '.join(choices)}")
    if not isinstance(content.get("quota", True), bool):
        raise FileError(f"{path}: quota must be true or false")
    if type(content.get("max_body", 1)) is not int or content.get("max_body", 1) < 1:
        raise FileError(f"{path}: max_body must be a number of bytes, such as 10000000")
    return {"claims": named, **content}
