"""The only reader of ``requirements.yaml``, which says what is checked and how that is known."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from relace_contract.files import parse_yaml

Label = Literal["documented", "observed", "policy"]
Level = Literal["MUST", "SHOULD", "MAY"]
_Check = TypeVar("_Check")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that the contract asks of a subject.

    ``sentence`` is what the contract says, ``label`` how that is known, and ``mutants`` the broken
    subjects that the check must catch. The check sends at most ``live`` requests to the live
    service; 0 means that it is not run there.
    """

    id: str
    subject: Literal["server", "client"]
    sentence: str
    label: Label
    level: Level
    mutants: tuple[str, ...]
    live: int = 0

    @property
    def family(self) -> str:
        """The part of the id before its first dash."""
        return self.id.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Family:
    """A group of requirements; ``title`` says what they are about."""

    id: str
    title: str
    requirements: tuple[Requirement, ...]


@functools.cache
def families(subject: str) -> tuple[Family, ...]:
    """The families of requirements of a ``server`` or ``client``, in the order of the file."""
    path = Path(__file__).parent / "requirements.yaml"
    content: dict[str, Any] = parse_yaml(path.read_bytes())
    return tuple(_family(subject, name, entry) for name, entry in content[subject].items())


def _family(subject: str, name: str, entry: Mapping[str, Any]) -> Family:
    checks = entry["checks"].items()
    return Family(
        name,
        entry["title"],
        tuple(
            Requirement(
                id=f"{name}-{identity}",
                subject=subject,  # type: ignore[arg-type]  # the caller's choice of two
                sentence=fields["says"],
                label=fields["label"],
                level=fields["level"],
                mutants=tuple(fields.get("mutants", ())),
                live=fields.get("live", 0),
            )
            for identity, fields in checks
        ),
    )


def titles(subject: str) -> dict[str, str]:
    """The title of each family, by its id."""
    return {family.id: family.title for family in families(subject)}


def requirements(subject: str) -> dict[str, Requirement]:
    """The requirements of a ``server`` or ``client``, by id, in the order of the file."""
    return {one.id: one for family in families(subject) for one in family.requirements}


def select(subject: str, wanted: Iterable[str]) -> list[str]:
    """The ids of the ``wanted`` checks, which may be families or ids; all if it is empty.

    Raises ``ValueError`` for a name that is neither a family nor an id.
    """
    known = requirements(subject)
    chosen: set[str] = set()
    for name in wanted:
        named = {one.id for one in known.values() if name.upper() in {one.id.upper(), one.family}}
        if not named:
            raise ValueError(
                f"no check is called {name!r}: the families are "
                f"{', '.join(family.id for family in families(subject))}"
            )
        chosen |= named
    return [one for one in known if one in chosen or not chosen]


def among(checks: Mapping[str, _Check], subject: str, wanted: Iterable[str]) -> dict[str, _Check]:
    """The ``wanted`` of ``checks``, as ``select`` takes them, in the order of ``checks``."""
    selected = set(select(subject, wanted))
    return {identity: check for identity, check in checks.items() if identity in selected}
