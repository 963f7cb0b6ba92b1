"""Properties that must hold for all texts: Hypothesis looks for the smallest that breaks one.

Hypothesis is imported late: most checks do not need it, and a single check should start at once.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from relace_contract.judgement import Departure, NotExercised

#: Seconds that one property may take from its first example on, shrinking included; a check may
#: take longer. Before the first example Hypothesis builds its tables, slow on a busy machine.
_PATIENCE = 15.0


class _OverError(BaseException):
    """Ends a search at once: Hypothesis repeats and shrinks only for an ``Exception``."""


class Effort(Protocol):
    """The seed and the number of examples of a search."""

    @property
    def seed(self) -> int:
        """The seed of the choice: the same seed tries the same values."""

    @property
    def examples(self) -> int:
        """How many values a property tries."""


@functools.cache
def keep_files_aside() -> None:
    """Let Hypothesis keep its tables of characters in the user's cache, not in the current folder.

    They ignore ``database=None``, and to make them takes some seconds in each process. Where the
    cache cannot be written, Hypothesis does without. Call this before Hypothesis or Schemathesis
    draws.
    """
    from hypothesis.configuration import set_hypothesis_home_dir  # noqa: PLC0415

    if "HYPOTHESIS_STORAGE_DIRECTORY" not in os.environ:
        set_hypothesis_home_dir(_cache() / "relace-contract" / "hypothesis")


def _cache() -> Path:
    """The folder of the user's caches. The XDG specification wants relative paths ignored."""
    given = Path(os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or "")
    if given.is_absolute():
        return given
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # a container's user may have no home; no folder can exist below a file
        return Path(__file__)


def strings(max_size: int) -> Any:
    """A strategy for strings of at most ``max_size`` characters, any but lone surrogates.

    The default of Hypothesis' ``text`` is the same set, but needs one more of its tables.
    """
    from hypothesis import strategies as st  # noqa: PLC0415

    return st.text(st.characters(exclude_categories=["Cs"]), max_size=max_size)


def openapi(document: dict[str, Any]) -> Any:
    """A description as a schema of Schemathesis, which is imported late because that is slow.

    It does not read the user's ``schemathesis.toml``. Its characters are those of ``strings``.
    """
    import schemathesis  # noqa: PLC0415

    keep_files_aside()
    config = schemathesis.Config()
    config.projects.default.generation.codec = None
    return schemathesis.openapi.from_dict(document, config=config)


def holds_for(
    effort: Effort,
    strategy: Any,
    judge: Callable[[Any], None],
    *,
    size: Callable[[Any], int] = lambda value: len(repr(value)),
    factor: int = 1,
) -> None:
    """Call ``judge`` with values of ``strategy``; raise its ``Departure`` for the smallest.

    The same seed tries the same values. ``factor`` multiplies ``--examples``.
    """
    from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: PLC0415

    keep_files_aside()
    smallest: list[tuple[int, Departure]] = []
    mishaps: list[Exception] = []
    tried: list[None] = []
    end = math.inf

    @seed(effort.seed)
    @settings(
        max_examples=effort.examples * factor,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @given(strategy)
    def attempt(value: Any) -> None:
        nonlocal end
        if time.monotonic() > end:
            raise _OverError
        if not tried:
            end = time.monotonic() + _PATIENCE
        tried.append(None)
        try:
            judge(value)
        except Departure as departure:
            if not smallest or size(value) <= smallest[0][0]:
                smallest[:] = [(size(value), departure)]
            raise
        except Exception as error:
            mishaps.append(error)
            raise _OverError from error

    # Hypothesis wraps an error that it cannot repeat, in several ways: raise what came first.
    try:
        with contextlib.suppress(_OverError):
            attempt()
    except Exception as error:  # noqa: BLE001 - it is raised again, or what it wraps
        mishaps.append(error)
    raised = [departure for _, departure in smallest] + mishaps
    if raised:
        raise raised[0] from None
    if not tried:
        raise NotExercised("no example was tried")
