"""Dependencies point one way (``CONTRIBUTING.md`` draws the layers)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import relace_mock

ROOT = Path(__file__).parent.parent
# A module may import from the layers before its own, and from its own what stands before it.
LAYERS = [
    [
        "settings",
        "keywords",
        "exchange",
        "refusals",
        "clock",
        "client_connections",
        "retry_after",
    ],
    ["contract"],
    ["scenario"],
    ["auth", "validation", "tokens", "words", "decimals", "draws", "embedding", "quota"],
    ["rows", "rendering", "namespaces", "redaction", "journal", "script", "verdict"],
    ["pipeline"],
    [
        "cors",
        "documents",
        "guard",
        "moment",
        "settling",
        "filters",
        "control",
        "heads",
        "wire",
        "delivery",
    ],
    ["connection", "recorded", "remote", "mocks", "in_process", "running_server"],
    ["app"],
    ["listening", "server", "child", "starting"],
    ["streams", "cli", "marker", "pytest_plugin"],
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
    assert modules | {"__main__", "scenario", "cli"} == set(ORDER)


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


#: The folders of the kit, and what each may import besides itself and the files beside them.
KIT: dict[str, set[str]] = {
    "": set(),
    "reports": set(),
    "adapters": set(),
    "server": {"reports"},
    "client": {"adapters", "reports"},
    "cli": {"reports", "server", "client"},
}

#: Where the command line of the mock looks for the commands of the kit.
SHIMS = {"command", "client.command"}


def kit_modules() -> dict[str, Path]:
    """Every module of the kit by its dotted name, without the package's."""
    root = ROOT / "contract_tests/relace_contract"
    names = {
        path: ".".join(path.relative_to(root).with_suffix("").parts) for path in root.rglob("*.py")
    }
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


def test_folders_of_the_kit_import_only_what_they_may() -> None:
    """What the kit says of a subject is the same for servers and clients."""
    for name, path in kit_modules().items():
        folder = path.relative_to(ROOT / "contract_tests/relace_contract").parts[0]
        folder = folder if folder in KIT else ""
        for imported in imports(path):
            package, _, rest = imported.partition(".")
            into = rest.partition(".")[0]
            if package == "relace_contract" and into in KIT.keys() - {"", folder}:
                allowed = {"cli"} if name in SHIMS else KIT[folder]
                assert into in allowed, f"{path} imports {imported}"
            assert package != "httpx" or folder in {"server", "adapters"}, path


def test_no_modules_of_the_kit_import_each_other_in_a_circle() -> None:
    modules = kit_modules()
    graph = {
        name: {
            one.removeprefix("relace_contract.")
            for one in imports(path)
            if one.removeprefix("relace_contract.") in modules.keys() - {name}
        }
        for name, path in modules.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_no_module_of_the_kit_is_too_long_to_be_read() -> None:
    for path in kit_modules().values():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 350, path
