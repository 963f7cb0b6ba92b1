"""RL: what a server that counts requests says of it."""

from __future__ import annotations

from relace_contract.finding import NotClaimed
from relace_contract.server.answers import depart, unclear
from relace_contract.server.exchange import Exchange, Request
from relace_contract.server.pace import window_end
from relace_contract.server.reach import DOCUMENTED
from relace_contract.server.subject import JSON, Server

#: Requests after which a server without a word on quotas is taken not to have one, and those
#: after which one that has a quota is taken not to keep it.
_ENOUGH, _TOO_MANY = 100, 2000


def headers(server: Server) -> None:
    """RL-headers: ``watch`` judges each 429; here one is brought about."""
    _spend(server)


def window(server: Server) -> None:
    """RL-window."""
    previous: tuple[int, float, Exchange] | None = None
    exchanges = _spend(server)
    counted = [one for one in exchanges if one.header("x-ratelimit-remaining") is not None]
    if not counted:
        raise unclear("no answer has X-RateLimit-Remaining", exchanges[-1])
    for exchange in counted:
        remaining = _remaining(exchange)
        end = window_end(exchange.header("x-ratelimit-reset"), exchange.at)
        if end is None:
            raise unclear("X-RateLimit-Reset is no time that can be read", exchange)
        if previous is not None:
            before, ended, earlier = previous
            # A second off either end, as the reset may be rounded.
            if remaining > before and exchange.at < ended - 1 and abs(end - ended) <= 1:
                raise depart(
                    f"within one window, X-RateLimit-Remaining went from {before} up to "
                    f"{remaining}",
                    earlier,
                    exchange,
                )
        previous = remaining, end, exchange


def _remaining(exchange: Exchange) -> int:
    text = exchange.header("x-ratelimit-remaining") or ""
    try:
        remaining = int(text)
    except ValueError:
        raise depart(f"X-RateLimit-Remaining is {text!r}, not a number", exchange) from None
    if remaining < 0:
        raise depart(f"X-RateLimit-Remaining is {remaining}", exchange)
    return remaining


def _spend(server: Server) -> list[Exchange]:
    """Ask until there is a 429. Raises ``NotClaimed`` where there seems to be no quota."""
    if server.settings.live:
        raise NotClaimed("the live service is not driven into its limit")
    if not server.counted:
        server.counted = _until_refused(server)
    return server.counted


def _until_refused(server: Server) -> list[Exchange]:
    url = server.settings.base_url + "/code/embed"
    request = Request("POST", url, (*server.authorization, *JSON), DOCUMENTED)
    exchanges: list[Exchange] = []
    while len(exchanges) < _TOO_MANY:
        exchanges.append(server.once(request))
        if exchanges[-1].status == 429:
            if len(exchanges) > 1 or not server.pace.after_429(exchanges[-1]):
                return exchanges
            exchanges = []  # other checks had spent the quota: a window from its start
            continue
        announced = exchanges[0].header("x-ratelimit-limit")
        if len(exchanges) >= _ENOUGH and announced is None and not server.settings.policy.quota:
            raise NotClaimed(f"no quota: no X-RateLimit header, and no 429 in {_ENOUGH} requests")
    raise unclear(f"no 429 in {_TOO_MANY} requests", exchanges[-1])
