"""``docs/verify-server.md`` matches the kit, and ``docs/proof.md`` has the current mutants."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from click import Option

from relace_contract import policy
from relace_contract.cli.verify_server import verify_server
from relace_contract.judgement import Judgement
from relace_contract.policy import Policy
from relace_contract.requirements import requirements
from relace_contract.server.options import ServerOptions
from relace_contract.server.verify import verify
from tests.kit import page, proof
from tests.kit.mutants import MUTANTS
from tests.kit.running import running

TEXT = page.PAGE.read_text(encoding="utf-8")
BLOCKS = dict(reversed(re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)))


def test_the_table_is_that_of_the_requirements() -> None:
    assert page.current() == TEXT, "run python -m tests.kit.page"


def test_every_option_is_on_the_page_and_has_its_environment_variable() -> None:
    options = {one.opts[-1]: one for one in verify_server.params if isinstance(one, Option)}
    assert set(re.findall(r"^\| `(--[\w-]+)` \|", TEXT, re.MULTILINE)) == set(options)
    for name, option in options.items():
        variable = f"RELACE_VERIFY_{name.removeprefix('--').replace('-', '_').upper()}"
        assert variable == option.envvar or variable in (option.envvar or ())


def test_the_policy_of_the_page_is_one(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(BLOCKS["yaml"], encoding="utf-8")
    assert policy.read(file, "server") == Policy(
        claims=frozenset({"NORM-finite", "NORM-unit", "DET-same", "BIN-signs"}),
        binary_dtype="uint8",
        bit_order="little",
        max_body=10_000_000,
        quota=True,
    )


def test_the_example_server_of_the_docs_has_the_documented_mistakes() -> None:
    names: dict[str, Any] = {}
    exec(BLOCKS["python"], names)  # noqa: S102 - the example of the page
    with running(names["app"]) as url:
        wanted = ServerOptions(url=url, policy=Policy(claims=frozenset()))
        report = verify(wanted, lambda _: None)
    assert report.exit_code == 1
    ended = {
        outcome: {one.requirement.id for one in report.results if one.judgement is outcome}
        for outcome in Judgement
    }
    assert ended[Judgement.FAILS] == {
        *("ENV-shape", "NEG-input-object", "SCHEMA-coverage", "BIJ-indexes")
    }
    assert ended[Judgement.WARNS] == {"METH-envelope"}
    assert ended[Judgement.INFORMS] == {"TOK-example", "NEG-input-string"}
    assert all(
        f"**{name}**" in TEXT for outcome in ended if outcome in _TOLD for name in ended[outcome]
    )


_TOLD = {Judgement.FAILS, Judgement.WARNS, Judgement.INFORMS}


def test_the_proof_is_of_these_mutants_and_these_checks() -> None:
    written = proof.PAGE.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([\w-]+) \| ([^|]*) \|", written, re.MULTILINE))
    assert "Not so" not in written
    proven = {name: set(named.split(", ")) for name, named in rows.items() if name in MUTANTS}
    assert proven == proof.NAMED, "run nox -s proof"
    assert f"{len(requirements('server'))} checks" in written
