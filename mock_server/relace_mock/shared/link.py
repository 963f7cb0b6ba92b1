"""The connection to Redis: runs the script of this package, and explains failures.

A command is sent once. If its reply is lost, Redis may have run it or not, so it is never repeated:
a request is counted at most once.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from importlib import resources
from typing import Any, TypeVar
from urllib.parse import urlsplit

from relace_mock.settings import ServerError
from relace_mock.state.store import StoreError

_MISSING = "--store redis://… needs the package redis: pip install 'relace-mock[redis]'"
_SCRIPT = resources.files("relace_mock.shared").joinpath("store.lua").read_text()
_NO_ACCESS = "refuses access: write its user and password like redis://USER:PASSWORD@HOST"
_NO_PERMISSION = (
    "does not let this user run what the mock needs: give the user +@all and the keys of "
    "--store-prefix in its ACL"
)
_NO_REPLICAS = (
    "has lost its replicas, and refuses writes: start its replicas, or lower min-replicas-to-write"
)
_CLUSTER = "is a Redis Cluster, which is not supported: use a single Redis"
_Result = TypeVar("_Result")
# What error replies mean, by a part of their text. redis-py leaves out the first word of some.
_REPLIES = {
    "NOAUTH": _NO_ACCESS,
    "WRONGPASS": _NO_ACCESS,
    "uthenticat": _NO_ACCESS,
    "NOPERM": _NO_PERMISSION,
    "has no permissions": _NO_PERMISSION,
    "DB index": "has no database with this number: give --store one that it has, such as /0",
    "maxmemory": "is full (OOM): raise its maxmemory, or start the mock with a shorter --store-ttl",
    "read only replica": "is a read-only replica: give --store the address of the primary",
    "replica-serve-stale-data": (
        "is a replica that has lost its primary: give --store the address of the primary"
    ),
    "NOREPLICAS": _NO_REPLICAS,
    "enough good replicas": _NO_REPLICAS,
    "MISCONF": "cannot save its data, and refuses writes: see the log of Redis",
    "CROSSSLOT": _CLUSTER,
    "MOVED": _CLUSTER,
}


def shown(url: str) -> str:
    """The address in a URL, without its password."""
    try:
        parts = urlsplit(url)
        port = parts.port or 6379
    except ValueError:
        return "redis://…"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host or 'localhost'}:{port}"


class Link:
    """A pool of connections to one Redis. Safe to use from several threads."""

    def __init__(self, url: str, timeout: float) -> None:
        try:
            import redis  # noqa: PLC0415 - an extra, for those who share a store
            from redis.backoff import NoBackoff  # noqa: PLC0415 - as above
            from redis.retry import Retry  # noqa: PLC0415 - as above
        except ImportError:
            raise ServerError(_MISSING) from None
        self._redis = redis
        self._timeout = timeout
        self.shown = shown(url)
        try:
            self._client: Any = redis.Redis.from_url(
                url,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                retry=Retry(NoBackoff(), 0),
                retry_on_error=[],
            )
        except (ValueError, TypeError):
            raise ServerError(
                f"the URL of --store is not valid: write it like {self.shown}/0, with TLS options "
                "at its end, such as ?ssl_ca_certs=FILE"
            ) from None
        self._sha: str = self._client.register_script(_SCRIPT).sha
        self._idle: deque[Any] = deque()

    def run(self, key: str, *arguments: str | bytes | float) -> Any:
        """Run the script. Raises ``StoreError``."""
        return self._explained(lambda: self._evaluated(key, arguments))

    def command(self, *words: str | float) -> Any:
        """Run one command of Redis. Raises ``StoreError``."""
        return self._explained(lambda: self._client.execute_command(*words))

    def commands(self, words: list[tuple[str, ...]]) -> list[Any]:
        """Run several commands in one round trip. Raises ``StoreError``."""

        def run() -> list[Any]:
            if not words:
                return []
            pipeline = self._client.pipeline(transaction=False)
            for each in words:
                pipeline.execute_command(*each)
            return list(pipeline.execute())

        return self._explained(run)

    def close(self) -> None:
        """Close the connections."""
        while self._idle:
            self._idle.pop().disconnect()
        self._client.close()

    def _evaluated(self, key: str, arguments: tuple[str | bytes | float, ...]) -> Any:
        # `Redis.evalsha` does the same, and reports to observers, which takes half of its time.
        connection = self._connection()
        try:
            answer = self._replied(connection, "EVALSHA", self._sha, 1, key, *arguments)
            if isinstance(answer, self._redis.exceptions.NoScriptError):
                # Redis has restarted: it ran nothing.
                answer = self._replied(connection, "EVAL", _SCRIPT, 1, key, *arguments)
        except BaseException:
            connection.disconnect()
            raise
        self._idle.append(connection)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _replied(self, connection: Any, *words: str | bytes | float) -> Any:
        """Send a command; return the reply, or the error that Redis replied."""
        connection.send_command(*words, check_health=False)
        try:
            return connection.read_response()
        except self._redis.exceptions.ResponseError as error:
            return error

    def _connection(self) -> Any:
        """A connection that no other thread uses."""
        with contextlib.suppress(IndexError):
            connection = self._idle.pop()
            try:
                if connection.can_read(0):  # closed by Redis; the next command connects again
                    connection.disconnect()
            except self._redis.exceptions.ConnectionError:
                connection.disconnect()
            return connection
        return self._client.connection_pool.make_connection()

    def _explained(self, run: Callable[[], _Result]) -> _Result:
        errors = self._redis.exceptions
        try:
            return run()
        except errors.AuthenticationError:
            problem = _NO_ACCESS
        except errors.TimeoutError:
            problem = f"did not answer within {self._timeout:g} s (--store-timeout)"
            if self.shown.startswith("rediss:"):  # without TLS, Redis waits for an end of line
                problem += ": if it does not speak TLS, write redis:// instead of rediss://"
        except errors.BusyLoadingError:
            problem = "is loading its data: try again"
        except errors.ConnectionError as error:
            problem = f"cannot be reached: {_reason(error)}"
        except errors.RedisError as error:
            problem = _of_reply(str(error))
        raise StoreError(f"the store {problem}")


def _reason(error: Exception) -> str:
    """Why there is no connection, on one line and without an address."""
    text = " ".join(str(error).split())
    if "refused" in text.lower():
        return "connection refused"
    if "certificate" in text.lower() or "ssl" in text.lower():
        return f"TLS failed: {text[:200]}"
    if "max number of clients" in text:
        return "it has too many clients (maxclients)"
    if "closed" in text.lower() or "reset" in text.lower() or "broken pipe" in text.lower():
        return "the connection was lost"
    return text[:200]


def _of_reply(text: str) -> str:
    """What an error reply of Redis means."""
    for part, meaning in _REPLIES.items():
        if part in text:
            return meaning
    return f"answered: {' '.join(text.split())[:200]}"
