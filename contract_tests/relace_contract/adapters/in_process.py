"""A client that is a Python callable: it takes the messages of the protocol as dicts.

``MODULE:NAME`` gets ``{"cmd": "start"}`` first, ``{"cmd": "embed", …}`` for each call and
``{"cmd": "stop"}`` last. It returns an answer without ``seq``, or an awaitable of one. An
exception counts as a crash. Calls come from several threads; if NAME is a class, each thread has
its own instance.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib
import inspect
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from relace_contract.adapters import protocol
from relace_contract.adapters.process import MANNERS
from relace_contract.adapters.protocol import AdapterError, Call, Ending, Identity, Said
from relace_contract.adapters.stdio import START

Handler = Callable[..., Any]


class InProcess:
    """One callable in its own thread with one event loop, so that its connections survive calls."""

    def __init__(self, client: Handler) -> None:
        self._client = client
        self._worker: _Worker | None = None
        self.left: list[str] = []

    def start(self) -> Identity:
        """Ask the callable for its identity."""
        try:
            return protocol.identity(self._ask(protocol.start_message(), START))
        except queue.Empty:
            raise AdapterError(f"the client sent no answer within {START:g} seconds") from None
        except _Raised as raised:
            raise AdapterError(str(raised)) from None

    def embed(self, call: Call, limit: float) -> Said:
        """Call the callable with the message, and wait for its answer."""
        begun = time.monotonic()
        try:
            answer = self._ask(call.message(), limit)
            said = protocol.understood(answer)
            raw = "" if said.ending is Ending.OK else str(answer)
        except queue.Empty:
            self.kill()
            late = f"the client sent no answer within {limit:g} seconds"
            raw, said = "", Said(Ending.HANG, message=late)
        except _Raised as raised:
            raw, said = str(raised), Said(Ending.CRASH, message=str(raised))
        return dataclasses.replace(said, raw=raw, seconds=time.monotonic() - begun)

    def close(self) -> None:
        """Send ``stop``, so that the client can close its connections, and end the thread."""
        if self._worker is not None:
            with contextlib.suppress(queue.Empty, _Raised):  # few clients handle `stop`
                self._ask(protocol.stop_message(), MANNERS)
        self.kill()

    def kill(self) -> None:
        """Abandon the thread, because Python cannot kill it; the next call gets another one."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.tasks.put(None)

    def _ask(self, message: dict[str, Any], limit: float) -> Any:
        if self._worker is None:
            self._worker = _Worker(self._client)
        worker = self._worker
        worker.tasks.put(message)
        answer = worker.answers.get(timeout=limit)
        if isinstance(answer, _Raised):
            raise answer
        return answer


class _Raised(Exception):  # noqa: N818 - the client's, not ours
    pass


class _Worker:
    def __init__(self, client: Handler) -> None:
        self.tasks: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._client: Handler = client() if isinstance(client, type) else client
        threading.Thread(target=self._work, name="client", daemon=True).start()

    def _work(self) -> None:
        with asyncio.Runner() as runner:
            while (message := self.tasks.get()) is not None:
                self.answers.put(self._answer(runner, message))

    def _answer(self, runner: asyncio.Runner, message: dict[str, Any]) -> Any:
        try:
            answer = self._client(message)
            if inspect.isawaitable(answer):
                return runner.run(_awaited(answer))
        except BaseException as error:  # noqa: BLE001 - sys.exit in a client is a crash, too
            return _Raised(f"the client raised {type(error).__name__}: {error}")
        return answer


async def _awaited(answer: Any) -> Any:
    return await answer


def load(name: str) -> Handler:
    """Import the callable ``MODULE:NAME``, from the current folder too.

    Raises ``AdapterError`` if there is none.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise AdapterError(f"{name!r} must be MODULE:NAME, such as my_adapter:handle")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise AdapterError(f"cannot import {name}: {error}") from None
    if not callable(found):
        raise AdapterError(f"{name} is not callable: name a function or class")
    client: Handler = found
    return client
