"""Imports point one way (``CONTRIBUTING.md`` draws the rooms)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import relace_mock

ROOT = Path(__file__).parent.parent
# A room is a module or a folder. It may import from the rooms before it.
ROOMS = [
    [
        "version",
        "durations",
        "counts",
        "excerpts",
        "yaml_loader",
        "schemas",
        "reading",
        "colour",
        "settings",
        "certificates",
        "keywords",
        "retry_after",
    ],
    ["messages", "refusals", "clock", "keys", "spellings"],
    ["contract"],
    ["scenario", "vectors", "auth", "validation", "rendering", "fingerprints"],
    ["recording"],
    ["journal", "state", "offline"],
    ["shared"],
    ["answers", "pipeline"],
    ["control"],
    ["serving"],
    ["interception"],
    ["cli", "marker", "traces", "pytest_plugin"],
    ["__main__"],
]
ORDER = [room for line in ROOMS for room in line]
ONLY = {"starlette": {"serving", "control"}, "uvicorn": {"serving"}, "httpx": {"recording"}}


def imports(path: Path, *, for_types: bool = False) -> Iterator[str]:
    """Every module that a file imports, in functions too; ``for_types`` adds type checkers'."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not for_types:
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_module_and_folder_is_in_a_room() -> None:
    package = ROOT / "mock_server/relace_mock"
    there = {path.stem for path in package.glob("[a-z]*.py")}
    there |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert there | {"__main__"} == set(ORDER)


def test_contributing_draws_the_rooms() -> None:
    drawn = "\n".join(", ".join(line) for line in ROOMS)
    assert f"```\n{drawn}\n```\n" in (ROOT / "CONTRIBUTING.md").read_text()


@pytest.mark.parametrize("room", ORDER)
def test_a_room_imports_only_from_rooms_before_it(room: str) -> None:
    allowed = set(ORDER[: ORDER.index(room)])
    path = ROOT / "mock_server/relace_mock" / room
    for file in path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]:
        for name in imports(file):
            package, _, rest = name.partition(".")
            imported = rest.partition(".")[0]
            if package == "relace_mock" and imported in ORDER and imported != room:
                assert imported in allowed, f"{file.name} imports {imported}"
            assert package not in ONLY or room in ONLY[package], f"{file.name} imports {package}"


def test_the_kit_shares_no_code_with_the_server_it_judges() -> None:
    for path in (ROOT / "contract_tests/relace_contract").rglob("*.py"):
        shared = {name for name in imports(path) if name.startswith("relace_mock")}
        # The client kit uses the public names of the mock only, like any test.
        public = {"relace_mock", *(f"relace_mock.{name}" for name in relace_mock.__all__)}
        assert shared <= (public if path.parent.name == "client" else set()), path


#: The folders of the kit, and what each may import besides itself and the top-level modules.
KIT: dict[str, set[str]] = {
    "": set(),
    "reports": set(),
    "adapters": set(),
    "server": {"reports"},
    "client": {"adapters", "reports"},
    "cli": {"reports", "server", "client"},
}


def kit_modules() -> dict[str, Path]:
    """Every module of the kit by its dotted name, without the package's."""
    root = ROOT / "contract_tests/relace_contract"
    names = {
        path: ".".join(path.relative_to(root).with_suffix("").parts) for path in root.rglob("*.py")
    }
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


def test_folders_of_the_kit_import_only_what_they_may() -> None:
    """The code that judges and reports is the same for servers and clients."""
    for path in kit_modules().values():
        folder = path.relative_to(ROOT / "contract_tests/relace_contract").parts[0]
        folder = folder if folder in KIT else ""
        for imported in imports(path):
            package, _, rest = imported.partition(".")
            into = rest.partition(".")[0]
            if package == "relace_contract" and into in KIT.keys() - {"", folder}:
                assert into in KIT[folder], f"{path} imports {imported}"
            assert package != "httpx" or folder in {"server", "adapters"}, path


def in_circles(top: Path, *folders: str, for_types: bool = False) -> dict[str, set[str]]:
    """The modules that import each other in a circle, and those that import one of them."""
    modules: dict[str, set[str]] = {}
    for folder in folders:
        for path in (top / folder).rglob("*.py"):
            parts = path.relative_to(top).with_suffix("").parts
            name = ".".join(parts).removesuffix(".__init__")
            modules[name] = set(imports(path, for_types=for_types)) - {name}
    while free := [name for name, needed in modules.items() if not needed & modules.keys()]:
        for name in free:
            del modules[name]
    return modules


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Not even in functions: modules in a circle cannot be understood one by one."""
    assert not in_circles(ROOT / "mock_server", "relace_mock")
    assert not in_circles(ROOT / "contract_tests", "relace_contract")


def test_the_modules_of_scenarios_form_no_circle_even_in_what_type_checkers_read() -> None:
    assert not in_circles(ROOT / "mock_server", "relace_mock/scenario", for_types=True)


def test_no_module_imports_the_public_names_of_its_own_package() -> None:
    """The names of `relace_mock` itself are for users: inside, import from the module."""
    for path in (ROOT / "mock_server/relace_mock").rglob("*.py"):
        offered = {f"relace_mock.{name}" for name in relace_mock.__all__}
        assert not offered & set(imports(path)), path


def test_no_module_is_too_long_to_be_read() -> None:
    for folder in ("mock_server", "contract_tests"):
        for path in (ROOT / folder).rglob("*.py"):
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 350, path
