"""The scenarios that have a name: the bundled ones, and those in the user's files.

A bundled file is read when it is first asked for, a user's file at once. When a file is edited
badly while the server runs, its last good version stays in use, and a message names the mistake.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from relace_mock import reading
from relace_mock.excerpts import quoted
from relace_mock.scenario.limits import FILE_LIMIT, KEPT_LIMIT, SIZE_LIMIT
from relace_mock.scenario.mistakes import ScenarioError, suggestion
from relace_mock.settings import SettingsError

if TYPE_CHECKING:
    from relace_mock.scenario.model import Scenario

SUFFIXES = (".yaml", ".yml", ".json")
# The end of the names that `git mergetool` gives to the versions of a file while it merges them:
# x_LOCAL_123.yaml; before Git 2.3 x.yaml.LOCAL.123.yaml.
_OF_A_MERGE = re.compile(r"[._](BACKUP|BASE|LOCAL|REMOTE)[._][0-9]+$")


def names_a_file(text: str) -> bool:
    """Whether a text names a file, as its suffix or a slash shows, and not a scenario."""
    return text.endswith(SUFFIXES) or "/" in text or "\\" in text


def bundled_folder() -> Path:
    """The folder of the bundled scenarios: in the package of a wheel, at the top of a checkout."""
    package = Path(__file__).parent.parent
    packaged = package / "scenarios"
    return packaged if packaged.exists() else package.parents[1] / "scenarios"


def read_file(path: Path, dimensions: int | None = None) -> Scenario:
    """Read the scenario in a file. Raises ``ScenarioError``.

    ``dimensions`` is the length of the server's vectors, if it is known.
    """
    try:
        text = reading.contents(path, SIZE_LIMIT)
    except reading.UnreadableError as error:
        raise _mistake(path, f"cannot be read: {error}") from None
    from relace_mock.scenario.model import read  # noqa: PLC0415 - loaded when a scenario is first played

    return read(text, str(path), path.stem, dimensions)


def files_in(folder: Path) -> list[Path]:
    """List the scenario files of a folder, sorted by name. Raises ``ScenarioError``."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if _is_scenario(entry)]
    except OSError as error:
        raise _mistake(folder, f"cannot be read: {error.strerror}") from None
    if len(names) > FILE_LIMIT:
        raise _mistake(
            folder, f"has {len(names)} scenarios, but at most {FILE_LIMIT} are allowed: remove some"
        )
    return [folder / name for name in sorted(names)]


def _is_scenario(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder is a scenario; hidden files and leftovers of editors are not."""
    stem, suffix = os.path.splitext(entry.name)  # noqa: PTH122 - of a name; a Path for each is slow
    if suffix not in SUFFIXES or entry.name.endswith(".schema.json"):
        return False
    hidden = entry.name.startswith((".", "#", "~"))  # .x.yaml, .#x.yaml and ._x.yaml; ~$x.yaml
    leaving = stem.endswith(("~", "#")) or _OF_A_MERGE.search(stem)  # x~.yaml
    return not (hidden or leaving or _is_folder(entry))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: reading it tells what is wrong
        return False


def _mistake(path: Path, problem: str, key: str = "") -> ScenarioError:
    """A mistake of a file or a folder as a whole."""
    return ScenarioError(str(path), 0, 0, key, problem)


class Library:
    """Scenarios by name. Raises ``ScenarioError`` if one of the user's files is bad.

    ``dimensions`` is the length of the server's vectors, if there is a server.
    """

    def __init__(
        self,
        folder: Path | None = None,
        file: Path | None = None,
        dimensions: int | None = None,
    ) -> None:
        self._bundled = {path.stem: path for path in files_in(bundled_folder())}
        self._folder = folder
        self._file = file
        self._dimensions = dimensions
        self._own: dict[Path, tuple[tuple[int, int], Scenario]] = {}
        self._read: dict[str, Scenario] = {}  # all that were read, bundled or own, by name
        self._tried: dict[Path, tuple[int, int]] = {}
        self._complaints: dict[Path, str] = {}
        for path in self._paths():
            self._add(path)

    def names(self) -> list[str]:
        """List the names of all scenarios."""
        return sorted({*self._bundled, *self.own_names()})

    def own_names(self) -> list[str]:
        """List the names of the scenarios in the user's files."""
        return sorted(scenario.name for _, scenario in list(self._own.values()))

    def get(self, name: str) -> Scenario | None:
        """Return the newest good version of a scenario; None for an unknown name."""
        scenario = self._read.get(name)
        if scenario is None and name in self._bundled:
            scenario = self._read[name] = read_file(self._bundled[name], self._dimensions)
        return scenario

    def text_of(self, name: str) -> str | None:
        """Return the text of a scenario's file, as it is now; None for an unknown name."""
        own = (path for path, (_, scenario) in list(self._own.items()) if scenario.name == name)
        path = next(own, self._bundled.get(name))
        if path is None:
            return None
        try:
            return reading.contents(path, SIZE_LIMIT).decode("utf-8", "replace")
        except reading.UnreadableError:
            return None

    def name_of(self, path: Path) -> str:
        """Return the name of the scenario in one of the user's files."""
        return self._own[path][1].name

    def unknown(self, name: str) -> str:
        """Error message for an unknown scenario name; it lists the known names."""
        names = self.names()
        near = suggestion(name, names)
        hint = near if near.startswith("did") else ""
        return f"there is no scenario {quoted(name)}; {hint} known are {', '.join(names)}".replace(
            "  ", " "
        )

    def refresh(self) -> Iterator[str]:
        """Read changed files again, and yield a message for each.

        The last good version of a bad file stays in use.
        """
        try:
            paths = self._paths()
        except ScenarioError as error:
            yield from self._complain(
                self._folder or Path(),
                f"{error.brief}; the last good version of each scenario stays in use",
            )
            return
        there = set(paths)
        for path in [path for path in self._own if path not in there]:
            self._tried.clear()  # a name may be free now
            yield f"scenario {self._forget(path)} is gone with {path}"
        for path in paths:
            try:
                stamp = _stamp(path)
                if stamp in (self._own.get(path, (None,))[0], self._tried.get(path)):
                    continue
                self._tried[path] = stamp
                self._add(path)
                self._complaints.pop(path, None)
                yield f"scenario {self.name_of(path)} read again from {path}"
            except ScenarioError as error:
                if path == self._file or path.exists():  # else the next look tells that it is gone
                    stays = "; the last good version stays in use" if path in self._own else ""
                    yield from self._complain(path, f"{error.brief}{stays}")

    def _complain(self, path: Path, problem: str) -> Iterator[str]:
        """Yield a problem with a file, unless it is the one that was reported last."""
        if self._complaints.get(path) != problem:
            self._complaints[path] = problem
            yield problem

    def _paths(self) -> list[Path]:
        files = files_in(self._folder) if self._folder else []
        return [*files, self._file] if self._file and self._file not in files else files

    def _add(self, path: Path) -> None:
        stamp = _stamp(path)
        scenario = read_file(path, self._dimensions)
        self._refuse_other(path, scenario)
        _, before = self._own.get(path, (None, scenario))
        self._own[path] = stamp, scenario
        self._read[scenario.name] = scenario
        if before.name != scenario.name:
            self._read.pop(before.name, None)

    def _refuse_other(self, path: Path, scenario: Scenario) -> None:
        """Refuse a scenario if its name is taken, or if it exceeds the bound for all of them."""
        others = {other.name: at for at, (_, other) in self._own.items() if at != path}
        bundled = self._bundled.get(scenario.name)
        where = others.get(scenario.name, bundled)
        if where is not None and not (where is bundled and where.resolve() == path.resolve()):
            raise _mistake(path, f"{scenario.name} is also in {where}: rename one", "name")
        kept = sum(other.size for at, (_, other) in self._own.items() if at != path)
        if kept + scenario.size > KEPT_LIMIT:
            raise _mistake(
                path,
                f"all scenarios together would have {kept + scenario.size} bytes, but at most "
                f"{KEPT_LIMIT} are allowed: remove some",
            )

    def _forget(self, path: Path) -> str:
        """Drop the scenario of one of the user's files; return its name."""
        _, scenario = self._own.pop(path)
        self._read.pop(scenario.name, None)
        return scenario.name


def _stamp(path: Path) -> tuple[int, int]:
    """Time of change and size of a file: a new version of it has others."""
    try:
        status = path.stat()
    except OSError as error:
        raise _mistake(path, f"cannot be read: {error.strerror}") from None
    return status.st_mtime_ns, status.st_size


def open_library(
    folder: Path | None, scenario: str | None, dimensions: int
) -> tuple[Library, str | None]:
    """Open the library; return it, and the name of the scenario to play by default.

    ``scenario`` is a name or a file. ``dimensions`` is the length of the server's vectors. Raises
    ``ScenarioError``, or ``SettingsError`` for an unknown name.
    """
    if scenario is not None and names_a_file(scenario):
        path = Path(scenario)
        library = Library(folder, path, dimensions)
        return library, library.name_of(path)
    library = Library(folder, None, dimensions)
    if scenario is not None and library.get(scenario) is None:
        raise SettingsError(library.unknown(scenario))
    return library, scenario
