"""One run: a mock, a proxy, a command, and the summary at the end."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import secrets
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from relace_mock.interception.authority import Authority
from relace_mock.interception.command import run_command
from relace_mock.interception.environment import Files, environment_for
from relace_mock.interception.onward import Onward, onward
from relace_mock.interception.proxy import Proxy, unverified
from relace_mock.interception.summary import Summary
from relace_mock.interception.tally import Tally
from relace_mock.serving.starting import server_process
from relace_mock.settings import Listening, ServerError, Settings

_TIMEOUT = 30  # seconds for the mock to answer


@dataclass(frozen=True, slots=True)
class _Mock:
    """The mock of a run. Its control API needs the token."""

    base_url: str
    token: str

    def ask(self, path: str) -> Any:
        """Send a control request for all keys. Raises ``ServerError``."""
        url = urlsplit(self.base_url)
        host, port = url.hostname or "", url.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=_TIMEOUT, context=unverified())
            if url.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
        )
        try:
            connection.request("GET", path, headers={"X-Mock-Control-Token": self.token})
            return json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ServerError(f"the mock of this run has ended: {type(error).__name__}") from None
        finally:
            connection.close()


def run(
    settings: Settings,
    listening: Listening,
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    block: bool,
) -> Summary:
    """Run a command with a mock in the place of Relace.

    Args:
        settings: of the mock.
        listening: of the mock.
        command: the program and its arguments.
        environment: the environment of the command, before the changes that lead it to the mock.
        block: whether hosts other than Relace's are refused.

    Raises:
        SettingsError: for a bad setting.
        ServerError: the mock or the proxy cannot start.
        CannotStartError: the command cannot start.
    """
    if settings.control_token is None and listening.host != Listening().host:
        settings = replace(settings, control_token=secrets.token_hex(16))
    others = None if block else onward(environment)
    with contextlib.ExitStack() as stack:
        with _signals_later():
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="relace-mock-run-"))
        server = stack.enter_context(server_process(settings, listening))
        files = Files(Path(folder))
        authority = Authority()
        files.write(environment, authority.certificate)
        mock = _Mock(server.base_url(), settings.control_token or "")
        return asyncio.run(_run(mock, authority, others, files, command, environment))


@contextlib.contextmanager
def _signals_later() -> Iterator[None]:
    """Let the handlers of signals wait: one that ends the process would leave a file behind."""
    came: list[int] = []

    def note(number: int, _frame: object) -> None:
        came.append(number)

    handled = [each for each in signal.valid_signals() if callable(signal.getsignal(each))]
    before = {each: signal.signal(each, note) for each in handled}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        for number in came:
            signal.raise_signal(number)


async def _run(
    mock: _Mock,
    authority: Authority,
    others: Onward | None,
    files: Files,
    command: Sequence[str],
    environment: Mapping[str, str],
) -> Summary:
    proxy = Proxy(mock.base_url, authority, others)
    async with proxy.listening() as port:
        prepared = environment_for(environment, files, port, mock.base_url, block=others is None)
        code = await run_command(command, prepared)
    return await asyncio.to_thread(_summary, code, mock, proxy.tally)


def _summary(code: int, mock: _Mock, tally: Tally) -> Summary:
    journal = mock.ask("/_mock/requests?settle=2s")
    return Summary(
        exit_code=code,
        statuses=Counter(entry["status"] for entry in journal["requests"]),
        dropped=journal["dropped"],
        verdict=mock.ask("/_mock/verdict"),
        tally=tally,
    )
