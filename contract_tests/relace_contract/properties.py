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
def leave_no_files() -> None:
    """Keep Hypothesis from writing ``.hypothesis/`` into the current folder.

    Its caches of constants and characters ignore ``database=None``. No folder can exist below a
    file, so Hypothesis does without them. Call this before Hypothesis or Schemathesis draws.
    """
    from hypothesis.configuration import set_hypothesis_home_dir  # noqa: PLC0415

    if "HYPOTHESIS_STORAGE_DIRECTORY" not in os.environ:
        set_hypothesis_home_dir(Path(__file__) / "nowhere")


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

    leave_no_files()
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
