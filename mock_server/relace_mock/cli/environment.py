"""Environment variables: those of options, those that others set, and those that are misspelt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from relace_mock.cli.suggestions import nearest

#: What the variables of our options begin with: those of the mock, those of the contract kit.
PREFIXES = ("RELACE_MOCK_", "RELACE_VERIFY_")
#: Known, though no option: the address of a running mock, which clients read, and the platform
#: tricks to leave out (`serving/tuning.py`).
_NO_OPTIONS = frozenset({"RELACE_MOCK_URL", "RELACE_MOCK_WITHOUT"})

# What Kubernetes sets in every container for a service called `relace-mock`, or one whose name
# begins so. `…_PORT` is such a variable only if it holds an address.
_OF_A_SERVICE = re.compile(
    r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


def variable_of(option: str, prefix: str = PREFIXES[0]) -> str:
    """Give the environment variable of an option: that of ``--max-body`` ends in ``MAX_BODY``."""
    return prefix + option.removeprefix("--").replace("-", "_").upper()


def is_of_a_service(name: str, value: str) -> bool:
    """Whether Kubernetes set this variable, and so no user did."""
    if _OF_A_SERVICE.fullmatch(name):
        return True
    return name.endswith("_PORT") and _ADDRESS.match(value) is not None


def warnings(environment: Mapping[str, str], prefix: str, known: AbstractSet[str]) -> Iterator[str]:
    """Name each variable that begins with ``prefix`` but belongs to no option.

    Args:
        environment: all variables. Their values are never repeated.
        prefix: what the variables of the options begin with.
        known: the variables of the options.
    """
    for name in sorted(environment):
        if (
            name.startswith(prefix)
            and name not in known | _NO_OPTIONS
            and not is_of_a_service(name, environment[name])
        ):
            bare = {each.removeprefix(prefix): each for each in known if each.startswith(prefix)}
            near = nearest(name.removeprefix(prefix), bare, least=0.0)
            meant = f": did you mean {bare[near]}?" if near else ""
            yield f"ignored the environment variable {name}, which no option has{meant}"
