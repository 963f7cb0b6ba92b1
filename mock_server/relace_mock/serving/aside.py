"""Runs a function that may block for long in a daemon thread of its own.

A thread pool would not do: a few slow answers of an upstream would keep all its threads busy, and
Python waits for pool threads when it exits.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")


async def in_thread_of_its_own(function: Callable[[], _Result]) -> _Result:
    """Call a function in a new thread, and return its result.

    If the caller is cancelled, the function still runs to its end.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Result] = loop.create_future()

    def settle(result: _Result | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type] # None only with an error

    def run() -> None:
        result, error = None, None
        try:
            result = function()
        except BaseException as raised:  # noqa: BLE001 - the caller gets it
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="relace-mock waiting", daemon=True).start()
    return await future
