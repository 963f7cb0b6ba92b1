"""Threads for long work, of which each namespace gets only some at once.

One client could otherwise keep all threads busy with long searches, and the requests of all others
would wait until they end. Work above the share of its namespace waits for the work before it.
"""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")
_Work = tuple["Future[Any]", Callable[[], Any]]


class Shares:
    """``threads`` threads, of which each owner gets at most ``each`` at once."""

    def __init__(self, threads: int, each: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, name)
        self._each = each
        self._lock = threading.Lock()
        self._running: dict[str, int] = {}
        self._waiting: dict[str, deque[_Work]] = {}

    def of(self, owner: str) -> Executor:
        """The share of an owner, for ``run_in_executor``."""
        return _Share(functools.partial(self._submit, owner))

    def _submit(self, owner: str, future: Future[Any], function: Callable[[], Any]) -> None:
        with self._lock:
            running = self._running.get(owner, 0)
            if running >= self._each:
                self._waiting.setdefault(owner, deque()).append((future, function))
                return
            self._running[owner] = running + 1
        self._pool.submit(self._work, owner, future, function)

    def _work(self, owner: str, future: Future[Any], function: Callable[[], Any]) -> None:
        """Do one piece of work, then let the next of the same owner queue behind all others."""
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 - the caller gets it
                future.set_exception(error)
        with self._lock:
            waiting = self._waiting.get(owner)
            if waiting is None:
                self._running[owner] -= 1
                if not self._running[owner]:
                    del self._running[owner]
                return
            following = waiting.popleft()
            if not waiting:
                del self._waiting[owner]
        self._pool.submit(self._work, owner, *following)


class _Share(Executor):
    def __init__(self, take: Callable[[Future[Any], Callable[[], Any]], None]) -> None:
        self._take = take

    def submit(
        self, fn: Callable[_Given, _Result], /, *args: _Given.args, **kwargs: _Given.kwargs
    ) -> Future[_Result]:
        """See ``Executor``."""
        future: Future[_Result] = Future()
        self._take(future, functools.partial(fn, *args, **kwargs))
        return future
