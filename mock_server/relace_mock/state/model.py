"""The state of a namespace as frozen values, and the pure functions that change them.

Nothing here is locked, timed or stored. A change may run more than once, if another was
faster, and only the last run counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from relace_mock.scenario.engine import Position
from relace_mock.state.quota import Spent

if TYPE_CHECKING:
    from relace_mock.scenario.model import Scenario

_SCRIPTS = 64  # scenarios whose positions a namespace keeps
#: Seconds that a clock can be moved in all, a thousand years: dates end with the year 9999.
FURTHEST = 1000 * 365.25 * 86400


class Installed(NamedTuple):
    """An installed scenario: the name of one in the library, or the scenario itself."""

    name: str
    scenario: Scenario | None


class Marks(NamedTuple):
    """How often the server's default was changed in a way that namespaces must follow.

    A namespace compares them with the marks that it saw last: so a reset of all namespaces
    changes one value, however many there are.
    """

    rewinds: int = 0
    resets: int = 0
    resets_of_all: int = 0


class Default(NamedTuple):
    """What namespaces without a scenario of their own follow. ``advanced`` is in seconds."""

    installed: Installed | None = None
    advanced: float = 0.0
    marks: Marks = Marks()


class State(NamedTuple):
    """What the requests of one key depend on, except for the counters of their bodies.

    ``positions`` has the digests of scenarios and where their scripts stand, last moved
    last. ``story`` counts the rewinds, and ``call`` the calls declared new: a counter of an
    earlier story, or attempts of an earlier call, are void. ``advanced`` is in seconds.
    """

    installed: Installed | None = None
    names_its_own: bool = False
    positions: tuple[tuple[str, Position], ...] = ()
    spent: Spent | None = None
    advanced: float = 0.0
    story: int = 0
    call: int = 0
    seen: Marks = Marks()

    @property
    def follows_default(self) -> bool:
        """Whether the server's default scenario is played."""
        return self.installed is None and not self.names_its_own

    def position(self, digest: str) -> Position | None:
        """Position in the script with this digest; None before its first answer."""
        for of, position in self.positions:
            if of == digest:
                return position
        return None

    def moved(self, digest: str, position: Position) -> State:
        """The state with another position in a script. Of many scripts the oldest is dropped."""
        others = [each for each in self.positions if each[0] != digest]
        return self._replace(positions=(*others, (digest, position))[-_SCRIPTS:])

    def playing(self, installed: Installed | None) -> State:
        """The state once a scenario was installed, at its beginning; None removes it."""
        return self.rewound()._replace(installed=installed)

    def rewound(self) -> State:
        """Scripts, attempts and quota at their beginning. The clock goes on."""
        return self._replace(positions=(), spent=None, story=self.story + 1)

    def reset(self) -> State:
        """Rewound, and the real time again."""
        return self.rewound()._replace(advanced=0.0)

    def with_new_call(self) -> State:
        """The attempts of every body start again."""
        return self._replace(call=self.call + 1)

    def later(self, seconds: float) -> State:
        """The clock moved. Raises ``OverflowError`` beyond a thousand years."""
        return self._replace(advanced=_moved(self.advanced, seconds))

    def caught_up(self, default: Default) -> State:
        """The state after the changes of the default that it did not see yet."""
        if self.seen is default.marks or self.seen == default.marks:
            return self
        state, seen, marks = self, self.seen, default.marks
        follows = self.follows_default
        if marks.resets_of_all != seen.resets_of_all or (follows and marks.resets != seen.resets):
            state = self.reset()
        elif follows and marks.rewinds != seen.rewinds:
            state = self.rewound()
        return state._replace(seen=marks)

    def is_protected(self, now: float) -> bool:
        """Whether a test may rely on it: then it is not dropped to make room for another.

        That is so with an installed scenario, a moved clock, a script that has answered, and
        an open window of a quota.
        """
        return (
            self.installed is not None
            or self.advanced != 0.0
            or self.positions != ()
            or (self.spent is not None and now < self.spent.ends)
        )


class Counter(NamedTuple):
    """How often one body came: ``attempts`` since the last success, ``arrivals`` in all."""

    attempts: int = 0
    arrivals: int = 0
    story: int = 0
    call: int = 0

    def counted(self, state: State) -> Counter:
        """The counter after one more request with this body."""
        arrivals = self.arrivals if self.story == state.story else 0
        attempts = self.attempts if (self.story, self.call) == (state.story, state.call) else 0
        return Counter(attempts + 1, arrivals + 1, state.story, state.call)

    def succeeded(self) -> Counter:
        """The counter after a delivered 2xx: the next request is a new call."""
        return Counter(0, self.arrivals, self.story, self.call)


def with_default_installed(default: Default, installed: Installed | None) -> Default:
    """Install the server's default; those who follow it start from its beginning."""
    marks = default.marks._replace(rewinds=default.marks.rewinds + 1)
    return default._replace(installed=installed, marks=marks)


def with_default_reset(default: Default, *, everyone: bool = False) -> Default:
    """Reset the common clock and those who follow the default, or ``everyone``."""
    marks = default.marks
    if everyone:
        marks = marks._replace(resets_of_all=marks.resets_of_all + 1)
    else:
        marks = marks._replace(resets=marks.resets + 1)
    return default._replace(advanced=0.0, marks=marks)


def with_default_later(default: Default, seconds: float) -> Default:
    """Move the common clock. Raises ``OverflowError`` beyond a thousand years."""
    return default._replace(advanced=_moved(default.advanced, seconds))


def _moved(advanced: float, seconds: float) -> float:
    if advanced + seconds > FURTHEST:
        raise OverflowError("a clock can be moved by a thousand years in all: reset it")
    return advanced + seconds
