"""Dependencies point one way (``CONTRIBUTING.md`` draws the layers)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import relace_mock

ROOT = Path(__file__).parent.parent
# A module may import from the layers before its own, and from its own what stands before it.
LAYERS = [
    ["settings", "exchange", "refusals", "clock"],
    ["contract"],
    ["scenario"],
    ["auth", "validation", "vectors", "quota"],
    ["rendering", "namespaces", "redaction", "journal", "script", "verdict"],
    ["pipeline"],
    ["guard", "control", "wire", "delivery", "remote", "in_process"],
    ["app"],
    ["server"],
    ["commands", "cli", "pytest_plugin"],
    ["__main__"],
]
ORDER = [module for layer in LAYERS for module in layer]
ONLY = {"starlette": {"delivery", "app"}, "uvicorn": {"wire", "server"}}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, in functions too; not those for type checkers."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_module_has_its_layer() -> None:
    modules = {path.stem for path in (ROOT / "mock_server/relace_mock").glob("[a-z]*.py")}
    assert modules | {"__main__", "scenario", "vectors"} == set(ORDER)


def test_the_page_draws_the_layers() -> None:
    drawn = "\n".join(", ".join(layer) for layer in LAYERS)
    assert f"```\n{drawn}\n```\n" in (ROOT / "CONTRIBUTING.md").read_text()


@pytest.mark.parametrize("module", ORDER)
def test_a_module_imports_only_from_the_layers_below(module: str) -> None:
    allowed = set(ORDER[: ORDER.index(module)])
    path = ROOT / "mock_server/relace_mock" / module
    for file in path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]:
        for name in imports(file):
            package, _, rest = name.partition(".")
            imported = rest.partition(".")[0]
            if package == "relace_mock" and imported in ORDER and imported != module:
                assert imported in allowed, f"{file.name} imports {imported}"
            assert package not in ONLY or module in ONLY[package], f"{file.name} imports {package}"


def test_the_kit_does_not_share_code_with_the_server_it_judges() -> None:
    for path in (ROOT / "contract_tests/relace_contract").rglob("*.py"):
        shared = {name for name in imports(path) if name.startswith("relace_mock")}
        # Clients are judged with the mock as any test has it, by its public names.
        public = {"relace_mock", *(f"relace_mock.{name}" for name in relace_mock.__all__)}
        assert shared <= (public if path.parent.name == "client" else set()), path


def test_only_the_folder_of_servers_knows_http() -> None:
    """What the kit says of a subject is the same for servers and clients."""
    neutral = [
        *(ROOT / "contract_tests/relace_contract").glob("*.py"),
        *(ROOT / "contract_tests/relace_contract/reports").glob("*"),
    ]
    for path in neutral:
        if path.suffix == ".py":
            known = [
                name
                for name in imports(path)
                if name.startswith(("relace_contract.server", "httpx"))
            ]
            assert not known, path
