"""Requests that the tests of the ranker send, and parts of the answers."""

from __future__ import annotations

from typing import Any

import httpx

from relace_mock import RemoteControl

V1, V2 = "/v1/code/rank", "/v2/code/rank"
COOKIES = (
    "def parse_cookie(header):\n    return dict(part.split('=') for part in header.split(';'))\n"
)
ROUTES = "def find_route(path, routes):\n    return routes.get(path)\n"
MAIL = "def send_mail(server, message):\n    server.connect()\n    server.deliver(message)\n"
QUERY = "parse the cookie header"
FILES = [
    {"filename": "web/routes.py", "content": ROUTES},
    {"filename": "web/cookies.py", "content": COOKIES},
    {"filename": "mail.py", "content": MAIL},
]
BODY: dict[str, Any] = {"query": QUERY, "codebase": FILES, "token_limit": 100_000}
#: The same body in the form that clients are observed to send.
OBSERVED: dict[str, Any] = {
    "query": QUERY,
    "codebase": [{"filename": file["filename"], "code": file["content"]} for file in FILES],
    "relace-metadata": {"repo": "web"},
}


def rank(mock: RemoteControl, body: Any = BODY, path: str = V2, **headers: str) -> httpx.Response:
    """Ask for a ranking with the key of ``mock``."""
    url = mock.base_url.removesuffix("/v1") + path
    sent = {"Authorization": f"Bearer {mock.api_key}", **headers}
    return httpx.post(url, json=body, headers=sent, timeout=60)


def names(answer: httpx.Response) -> list[str]:
    """The file names of an answer, best first."""
    content = answer.json()
    results = content["results"] if isinstance(content, dict) else content
    return [result["filename"] if isinstance(result, dict) else result for result in results]


def scores(answer: httpx.Response) -> list[float]:
    """The scores of an answer, best first."""
    return [result["score"] for result in answer.json()["results"]]
