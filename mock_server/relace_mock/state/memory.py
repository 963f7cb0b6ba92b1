"""A store in the memory of this process, with a limit on the number of namespaces.

To make room, the store drops an unprotected namespace, the least recently used one first. If
all are protected (``State.is_protected``), it drops the least recently used one, provided that it
was idle for longer than the time to live, and remembers its name as lost. Otherwise the store is
full and raises ``FullError``.

The store's lock guards the set of namespaces and is held only briefly. Each namespace has its own
lock, held while a change runs, so requests with other keys do not wait.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from relace_mock.clock import MONOTONIC, REAL, Clock
from relace_mock.counts import counted
from relace_mock.state.model import Counter, Default, Installed, State
from relace_mock.state.store import Change, Counts, FullError, Glimpse, Now, Result

_BODIES = 4096  # bodies whose counters a namespace keeps
_BODIES_IN_ALL = 1 << 18  # about 60 MB
_LOST_NAMES = 100_000  # names of dropped namespaces that are remembered
_SWEEP = 1.0  # seconds between two searches for namespaces whose protection has ended
_NEW = Counter()


class _Cell:
    """One namespace. ``used`` is monotonic time; ``gone`` means dropped: look the name up again."""

    __slots__ = ("bodies", "forgotten", "gone", "lock", "lost", "protected", "state", "used")

    def __init__(self, state: State, *, lost: bool) -> None:
        self.lock = threading.Lock()
        self.state = state
        self.bodies: OrderedDict[bytes, Counter] = OrderedDict()
        self.forgotten = 0
        self.lost = lost
        self.protected = False
        self.gone = False
        self.used = 0.0


class MemoryStore:
    """See ``Store``. It keeps at most ``limit`` namespaces; ``ttl`` is in seconds."""

    def __init__(
        self,
        limit: int,
        ttl: float,
        default: Default,
        clock: Clock = REAL,
        monotonic: Callable[[], float] = MONOTONIC,
    ) -> None:
        self._limit = limit
        self._ttl = ttl
        self._default = default
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._cells: dict[str, _Cell] = {}  # by name: looked up without the lock
        # Least recently used first. Each namespace is in exactly one of the two.
        self._loose: OrderedDict[str, _Cell] = OrderedDict()
        self._protected: OrderedDict[str, _Cell] = OrderedDict()
        self._lost: OrderedDict[str, None] = OrderedDict()
        self._bodies = 0
        self._evicted = 0
        self._installed_size = 0
        self._swept = float("-inf")

    def update(self, name: str, body: bytes | None, change: Change[Result]) -> Result:
        """See ``Store``."""
        while True:
            cell = self._cell(name)
            with cell.lock:
                if cell.gone:
                    continue
                default = self._default
                before = cell.state
                state = before if before.seen is default.marks else before.caught_up(default)
                counter = _NEW if body is None else cell.bodies.get(body, _NEW)
                now = Now(self._clock() + default.advanced + state.advanced, default)
                changed, after, result = change(state, counter, now)
                if changed is not before:
                    self._replace(cell, changed)
                if body is not None and after is not counter:
                    self._keep(cell, body, after)
                protected = changed.is_protected(now.time)
            if protected is not cell.protected:
                self._move(name, cell, protected=protected)
            return result

    def revise(self, name: str, body: bytes, change: Callable[[Counter], Counter]) -> None:
        """See ``Store``."""
        cell = self._cells.get(name)
        if cell is not None:
            with cell.lock:
                counter = cell.bodies.get(body)
                if counter is not None:
                    cell.bodies[body] = change(counter)

    def time_of(self, name: str) -> tuple[float, float]:
        """See ``Store``."""
        default = self._default
        cell = self._cells.get(name)
        moved = default.advanced + (cell.state.caught_up(default).advanced if cell else 0.0)
        return self._clock() + moved, moved

    def look(self, name: str) -> Glimpse:
        """See ``Store``."""
        default = self._default
        cell = self._cells.get(name)
        state = cell.state.caught_up(default) if cell else State(seen=default.marks)
        same_story = cell is not None and cell.state.story == state.story
        return Glimpse(
            state,
            self._clock() + default.advanced + state.advanced,
            cell.forgotten if cell and same_story else 0,
            cell.lost and same_story if cell else name in self._lost,
        )

    def forget(self, name: str) -> None:
        """See ``Store``."""
        with self._lock:
            cell = self._loose.pop(name, None) or self._protected.pop(name, None)
            self._cells.pop(name, None)
            self._lost.pop(name, None)
        if cell is not None:
            self._empty(cell)

    def default(self) -> Default:
        """See ``Store``."""
        return self._default

    def update_default(self, change: Callable[[Default], Default]) -> Default:
        """See ``Store``."""
        with self._lock:
            before, self._default = self._default, change(self._default)
            if self._default.marks.resets_of_all != before.marks.resets_of_all:
                self._lost.clear()
            return self._default

    def installed_size(self) -> int:
        """See ``Store``."""
        return self._installed_size + _size(self._default.installed)

    def names(self) -> list[str]:
        """See ``Store``."""
        with self._lock:
            return [*self._loose, *self._protected]

    def followers(self) -> list[str]:
        """See ``Store``."""
        return [name for name in self.names() if self.look(name).state.follows_default]

    def counts(self) -> Counts:
        """See ``Store``."""
        with self._lock:
            cells = [*self._loose.values(), *self._protected.values()]
            lost = len(self._lost) + sum(cell.lost for cell in cells)
            return Counts(len(cells), self._evicted, lost)

    def _cell(self, name: str) -> _Cell:
        """Return the cell of a namespace, created if need be, and mark it as just used."""
        dropped = None
        with self._lock:
            held = self._protected if name in self._protected else self._loose
            cell = held.get(name)
            if cell is None:
                if len(self._loose) + len(self._protected) >= self._limit:
                    dropped = self._make_room()
                cell = _Cell(State(seen=self._default.marks), lost=name in self._lost)
                self._loose[name] = self._cells[name] = cell
                self._lost.pop(name, None)
            else:
                held.move_to_end(name)
            cell.used = self._monotonic()
        if dropped is not None:
            self._empty(dropped)
        return cell

    def _make_room(self) -> _Cell:
        """Remove one namespace and return its cell. Raises ``FullError`` if none may go."""
        cell = self._unprotected() or (self._sweep() and self._unprotected()) or None
        if cell is None:
            name, cell = next(iter(self._protected.items()))
            if self._monotonic() - cell.used < self._ttl:
                raise FullError(
                    f"all {counted(self._limit, 'namespace is', 'namespaces are')} in use"
                )
            del self._protected[name], self._cells[name]
            self._lost[name] = None
            if len(self._lost) > _LOST_NAMES:
                self._lost.popitem(last=False)
        self._evicted += 1
        return cell

    def _unprotected(self) -> _Cell | None:
        """Remove the least recently used unprotected namespace and return its cell, if any."""
        while self._loose:
            name, cell = self._loose.popitem(last=False)
            if not self._is_protected(cell):
                del self._cells[name]
                return cell
            cell.protected = True  # since a moment ago: its `update` has not moved it yet
            self._protected[name] = cell
        return None

    def _sweep(self) -> bool:
        """Unprotect namespaces whose quota window has closed; False if called again too soon."""
        moment = self._monotonic()
        if moment < self._swept + _SWEEP:
            return False
        self._swept = moment
        for name, cell in list(self._protected.items()):
            if not self._is_protected(cell):
                cell.protected = False
                self._loose[name] = self._protected.pop(name)
        return True

    def _is_protected(self, cell: _Cell) -> bool:
        state = cell.state.caught_up(self._default)
        return state.is_protected(self._clock() + self._default.advanced + state.advanced)

    def _move(self, name: str, cell: _Cell, *, protected: bool) -> None:
        """Move a namespace to the protected or to the unprotected ones."""
        before, after = self._protected, self._loose
        if protected:
            before, after = after, before
        with self._lock:
            if before.get(name) is cell:  # else another thread has dropped or moved it
                cell.protected = protected
                after[name] = before.pop(name)

    def _replace(self, cell: _Cell, state: State) -> None:
        """Give a namespace another state."""
        before, cell.state = cell.state, state
        if state.installed is not before.installed:
            self._weigh(_size(state.installed) - _size(before.installed))
        if state.story != before.story:
            self._start_again(cell)

    def _keep(self, cell: _Cell, body: bytes, counter: Counter) -> None:
        """Keep a counter. If there is no room, drop the oldest counter of the namespace."""
        if body not in cell.bodies:
            if cell.bodies and (len(cell.bodies) >= _BODIES or self._bodies >= _BODIES_IN_ALL):
                _, dropped = cell.bodies.popitem(last=False)
                cell.forgotten += 1
                cell.lost = cell.lost or dropped.attempts > 0
            else:
                self._count(1)
        cell.bodies[body] = counter
        cell.bodies.move_to_end(body)

    def _start_again(self, cell: _Cell) -> None:
        """Drop the counters of an earlier story."""
        self._count(-len(cell.bodies))
        cell.bodies.clear()
        cell.forgotten = 0
        cell.lost = False

    def _empty(self, cell: _Cell) -> None:
        """Mark a dropped cell as gone, so that no change is made to it any more."""
        with cell.lock:
            cell.gone = True
            self._weigh(-_size(cell.state.installed))
            self._start_again(cell)

    def _weigh(self, size: int) -> None:
        with self._lock:
            self._installed_size += size

    def _count(self, bodies: int) -> None:
        with self._lock:
            self._bodies += bodies


def _size(installed: Installed | None) -> int:
    """Bytes of an installed scenario; 0 for one in the library, which keeps it anyway."""
    return installed.scenario.size if installed and installed.scenario else 0
