"""``requirements.yaml``, the checks and the mutants match each other."""

from __future__ import annotations

import pytest

from relace_contract.requirements import requirements, select
from relace_contract.server.catalogue import CHECKS
from relace_contract.server.watch import WATCHES
from tests.kit.mutants import MUTANTS

SERVER = requirements("server")
# The families that the kit must have.
FLOOR = (
    "REACH SCHEMA ENV CT AUTH PREC NEG BIJ DUP UNI DTYPE BIN DIM NORM DET PERM SPLIT TOK RL METH "
    "CONC UNK ACC SIZE RANK KEEP"
)


def test_every_requirement_has_its_check_and_the_other_way_round() -> None:
    assert set(SERVER) == set(CHECKS)
    assert set(WATCHES) < set(SERVER)
    assert {one.family for one in SERVER.values()} == set(FLOOR.split())


def test_labels_and_levels_are_the_known_ones() -> None:
    for one in SERVER.values():
        assert one.label in {"documented", "observed", "policy"}
        assert one.level in {"MUST", "SHOULD", "MAY"}
        assert one.sentence.endswith(".")


def test_every_check_names_a_mutant_and_every_mutant_is_named() -> None:
    assert len(MUTANTS) >= 45
    assert {name for one in SERVER.values() for name in one.mutants} == set(MUTANTS)
    assert [one.id for one in SERVER.values() if not one.mutants] == []


def test_families_and_ids_select_checks_in_any_case() -> None:
    assert select("server", ["BIJ", "neg-nan"]) == ["NEG-nan", "BIJ-indexes", "BIJ-count"]
    assert select("server", []) == list(SERVER)
    with pytest.raises(ValueError, match="no check is called 'NEG-07': the families are REACH"):
        select("server", ["NEG-07"])
