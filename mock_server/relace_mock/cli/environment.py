"""Environment variables: the names of options, those of Kubernetes, and misspelt ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from relace_mock.cli.suggestions import nearest

#: The prefix of the mock's variables, and that of the contract kit's variables.
PREFIXES = ("RELACE_MOCK_", "RELACE_VERIFY_")
#: Variables that set no option but are known. The first is the address of a running mock, for
#: clients; the second turns off platform tricks (`serving/tuning.py`).
_NO_OPTIONS = frozenset({"RELACE_MOCK_URL", "RELACE_MOCK_WITHOUT"})

# Kubernetes sets these variables in every container when the name of a service is, or begins with,
# `relace-mock`. It also sets `RELACE_MOCK_PORT`, the variable of `--port`, but to an address.
_SERVICE_VARIABLE = re.compile(
    r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


def variable_of(option: str, prefix: str = PREFIXES[0]) -> str:
    """Return the variable of an option: ``RELACE_MOCK_MAX_BODY`` for ``--max-body``."""
    return prefix + option.removeprefix("--").replace("-", "_").upper()


def is_of_a_service(name: str, value: str) -> bool:
    """Whether Kubernetes, and not the user, set this variable."""
    if _SERVICE_VARIABLE.fullmatch(name):
        return True
    return name.endswith("_PORT") and _ADDRESS.match(value) is not None


def warnings(environment: Mapping[str, str], prefix: str, known: AbstractSet[str]) -> Iterator[str]:
    """Warn about each variable that begins with ``prefix`` but belongs to no option.

    Args:
        environment: all environment variables. No warning repeats a value.
        prefix: the prefix of the options' variables.
        known: the options' variables.

    Yields:
        One line for each such variable, in alphabetical order.
    """
    for name in sorted(environment):
        if (
            name.startswith(prefix)
            and name not in known | _NO_OPTIONS
            and not is_of_a_service(name, environment[name])
        ):
            near = _nearest(name.removeprefix(prefix), prefix, known)
            meant = f": did you mean {near}?" if near else ""
            yield f"ignored the environment variable {name}, which belongs to no option{meant}"


def _nearest(bare: str, prefix: str, known: AbstractSet[str]) -> str | None:
    """Return the variable most similar to a prefix and a name, if one is similar enough."""
    for other in PREFIXES:
        word = other.removeprefix("RELACE_")  # such as VERIFY_, after the prefix RELACE_MOCK_
        if bare.startswith(word):
            bare, prefix = bare.removeprefix(word), other
    names = {each.removeprefix(prefix): each for each in known if each.startswith(prefix)}
    # A whole word of a name is nearer than a similar word: TOKEN means CONTROL_TOKEN, not STORE.
    parts = [name for name in names if bare in name.split("_")]
    near = parts[0] if len(parts) == 1 else nearest(bare, names)
    return names[near] if near else None
