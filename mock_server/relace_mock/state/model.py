"""The state of a namespace as frozen values, and the pure functions that change them.

Nothing here locks, reads a clock or stores anything. A store may run a change again if another
change was faster; only the last run counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from relace_mock.messages import Replaying
from relace_mock.scenario.engine import Position
from relace_mock.state.quota import Spent

if TYPE_CHECKING:
    from relace_mock.scenario.model import Scenario

_SCRIPTS = 64  # scenarios whose positions a namespace keeps
#: The most seconds that a clock can be moved in total, a thousand years: dates end in 9999.
FURTHEST = 1000 * 365.25 * 86400


class Installed(NamedTuple):
    """An installed scenario. ``scenario`` is None if ``name`` stands for one in the library.

    ``text`` is the scenario as it was sent. A shared store keeps it, for the other processes.
    """

    name: str
    scenario: Scenario | None
    text: bytes = b""


class Marks(NamedTuple):
    """Counts of the changes to the server's default that namespaces must follow.

    Each namespace compares them with the counts that it saw last. So a reset of all namespaces
    changes a single value, however many namespaces there are.
    """

    rewinds: int = 0
    resets: int = 0
    resets_of_all: int = 0


class Default(NamedTuple):
    """The server's default scenario, and the common clock.

    Namespaces without a scenario of their own play the default scenario. ``advanced`` is how many
    seconds the common clock was moved.
    """

    installed: Installed | None = None
    advanced: float = 0.0
    marks: Marks = Marks()


class State(NamedTuple):
    """The state of one key's namespace, without the counters of request bodies.

    ``names_its_own`` says that the key of the latest request named a scenario itself.
    ``positions`` has the digest of each scenario and the position in its script, the one that moved
    last at the end. ``story`` counts rewinds: counters from an earlier story are void. ``call``
    counts calls declared new: attempts from an earlier call are void. ``advanced`` is how many
    seconds the namespace's own clock was moved. ``replaying`` is the recording that the key replays
    instead of the server's.
    """

    installed: Installed | None = None
    names_its_own: bool = False
    positions: tuple[tuple[str, Position], ...] = ()
    spent: Spent | None = None
    advanced: float = 0.0
    story: int = 0
    call: int = 0
    seen: Marks = Marks()
    replaying: Replaying | None = None

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
        """The state with a new position in a script. Too many scripts drop the oldest position."""
        others = [each for each in self.positions if each[0] != digest]
        return self._replace(positions=(*others, (digest, position))[-_SCRIPTS:])

    def playing(self, installed: Installed | None) -> State:
        """The state with a scenario installed, at its beginning; None removes the scenario."""
        return self.rewound()._replace(installed=installed)

    def rewound(self) -> State:
        """The state with scripts, attempts and quota at their beginning. The clock is kept."""
        return self._replace(positions=(), spent=None, story=self.story + 1)

    def reset(self) -> State:
        """The state rewound, with its clock back at the real time."""
        return self.rewound()._replace(advanced=0.0)

    def with_new_call(self) -> State:
        """The state in which the attempts of every body count from 1 again."""
        return self._replace(call=self.call + 1)

    def later(self, seconds: float) -> State:
        """The state with its clock moved. Raises ``OverflowError`` beyond a thousand years."""
        return self._replace(advanced=_moved(self.advanced, seconds))

    def caught_up(self, default: Default) -> State:
        """The state after the changes of the default that it has not followed yet."""
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
        """Whether a test may rely on this state, so that it is not dropped to make room.

        A test may rely on an installed scenario, a recording, a moved clock, a script that has
        answered, and an open quota window.
        """
        return (
            self.installed is not None
            or self.advanced != 0.0
            or self.positions != ()
            or self.replaying is not None
            or (self.spent is not None and now < self.spent.ends)
        )


class Counter(NamedTuple):
    """How often one body was sent: ``attempts`` since the last success, ``arrivals`` in total.

    ``story`` and ``call`` are those of the state at the last count.
    """

    attempts: int = 0
    arrivals: int = 0
    story: int = 0
    call: int = 0

    def counted(self, state: State) -> Counter:
        """The counter after one more request with this body."""
        same_story = self.story == state.story
        arrivals = self.arrivals if same_story else 0
        attempts = self.attempts if same_story and self.call == state.call else 0
        return Counter(attempts + 1, arrivals + 1, state.story, state.call)

    def succeeded(self) -> Counter:
        """The counter after a delivered 2xx: the next request is a new call."""
        return Counter(0, self.arrivals, self.story, self.call)


def with_default_installed(default: Default, installed: Installed | None) -> Default:
    """Install the server's default scenario. Namespaces that follow it start at its beginning."""
    marks = default.marks._replace(rewinds=default.marks.rewinds + 1)
    return default._replace(installed=installed, marks=marks)


def with_default_reset(default: Default, *, everyone: bool = False) -> Default:
    """Reset the common clock, and the namespaces that follow the default, or ``everyone``."""
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
        raise OverflowError(
            f"advance: {seconds:g} s would put the clock more than a thousand years ahead: "
            "reset it first"
        )
    return advanced + seconds
