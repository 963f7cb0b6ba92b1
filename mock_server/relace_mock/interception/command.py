"""The command of a run: a child process that gets our signals and gives its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence

#: Exit codes for a command that cannot start, the same as those of ``env`` and of shells.
CANNOT_RUN, NOT_FOUND = 126, 127
_PASSED_ON = (
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2
)  # fmt: skip
# A terminal sends these to every process in its foreground.
_OF_TERMINALS = (signal.SIGINT, signal.SIGQUIT)


class CannotStartError(Exception):
    """The command cannot start. ``code`` is the exit code for that."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


async def run_command(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command until it ends, and return its exit code: 128+n if signal n ended it.

    Raises ``CannotStartError``.
    """
    # With a terminal, the command stays in our process group, so that it may read from the
    # terminal. Without one, it gets its own, so that its children get the signals as well.
    alone = not _has_terminal()
    with _passing_signals(alone=alone) as pass_on_to:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=environment,
                close_fds=False,  # what this process inherited, the command inherits too
                process_group=0 if alone else None,
            )
        except FileNotFoundError:
            raise CannotStartError("there is no such command", NOT_FOUND) from None
        except OSError as error:
            reason = f"the command cannot start: {error.strerror}"
            raise CannotStartError(reason, CANNOT_RUN) from None
        pass_on_to(process.pid)
        code = await process.wait()
    return 128 - code if code < 0 else code


@contextlib.contextmanager
def _passing_signals(*, alone: bool) -> Iterator[Callable[[int], None]]:
    """Pass signals on to a process. Signals wait until the yielded function is told its id."""
    loop = asyncio.get_running_loop()
    seen: set[signal.Signals] = set()
    waiting: list[signal.Signals] = []
    process: int | None = None

    def pass_on(number: signal.Signals) -> None:
        if process is None:
            waiting.append(number)
        elif not alone and number in _OF_TERMINALS and number not in seen:
            seen.add(number)  # the terminal has sent it to the command, too
        else:
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if alone else os.kill)(process, number)

    def pass_on_to(pid: int) -> None:
        nonlocal process
        process = pid
        for number in waiting:
            pass_on(number)

    numbers = [each for each in _PASSED_ON if signal.getsignal(each) != signal.SIG_IGN]
    for number in numbers:
        loop.add_signal_handler(number, pass_on, number)
    try:
        yield pass_on_to
    finally:
        for number in numbers:
            loop.add_signal_handler(number, lambda: None)  # the summary is still to be printed


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
