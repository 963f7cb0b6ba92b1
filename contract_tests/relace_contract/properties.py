"""Properties that hold for whatever texts: Hypothesis looks for the smallest that break one.

Hypothesis is imported late, as most checks do without and one should start at once.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from relace_contract.finding import Departure, NotExercised

#: Seconds that one property may take, shrinking included; a check has a little more.
_PATIENCE = 15.0


class Effort(Protocol):
    """How values are chosen, and how many."""

    @property
    def seed(self) -> int:
        """What decides which."""

    @property
    def examples(self) -> int:
        """How many."""


@contextlib.contextmanager
def storage_apart() -> Iterator[None]:
    """Keep Hypothesis from making a folder ``.hypothesis`` in the working directory.

    Its caches go to a temporary folder instead, or where ``HYPOTHESIS_STORAGE_DIRECTORY`` says.
    Afterwards its setting is as before, for tests that may share the process.
    """
    from hypothesis import configuration  # noqa: PLC0415

    if "HYPOTHESIS_STORAGE_DIRECTORY" in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="relace-mock-", ignore_cleanup_errors=True) as folder:
        configuration.set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            configuration.set_hypothesis_home_dir(None)


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

    smallest: list[tuple[int, Departure]] = []
    mishaps: list[Exception] = []
    tried: list[None] = []
    end = time.monotonic() + _PATIENCE

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
        if time.monotonic() > end:
            return  # which ends the search, or the shrinking, within a moment
        tried.append(None)
        try:
            judge(value)
        except Departure as departure:
            if not smallest or size(value) <= smallest[0][0]:
                smallest[:] = [(size(value), departure)]
            raise
        except Exception as error:
            mishaps.append(error)
            raise

    # Hypothesis wraps what it cannot repeat, in more than one way; what was raised first counts.
    try:
        with storage_apart():
            attempt()
    except Exception as error:  # noqa: BLE001 - it is raised again, or what it wraps
        mishaps.append(error)
    raised = [departure for _, departure in smallest] + mishaps
    if raised:
        raise raised[0] from None
    if not tried:
        raise NotExercised("no example was tried")
