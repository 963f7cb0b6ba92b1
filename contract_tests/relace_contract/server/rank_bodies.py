"""Request bodies for a ranker."""

from __future__ import annotations

from typing import Any

#: Five files of different sizes.
FILES: list[dict[str, str]] = [
    {"filename": "web/router.py", "content": "def find_route(path):\n    return ROUTES[path]\n"},
    {
        "filename": "web/cookies.py",
        "content": "def parse_cookie(header):\n    # the cookie header has pairs\n"
        "    return dict(pair.split('=') for pair in header.split('; '))\n",
    },
    {"filename": "mail.py", "content": "def send(message):\n    SERVER.deliver(message)\n" * 8},
    {"filename": "docs/header.md", "content": "Every header has a name.\n"},
    {"filename": "empty.py", "content": ""},
]
GOOD: dict[str, Any] = {
    "query": "parse the cookie header",
    "codebase": FILES,
    "token_limit": 100_000,
}
#: The same request in the form that clients are observed to send.
OBSERVED: dict[str, Any] = {
    "query": GOOD["query"],
    "codebase": [{"filename": file["filename"], "code": file["content"]} for file in FILES],
}
MANY: dict[str, Any] = GOOD | {
    "codebase": [
        {"filename": f"{number}.py", "content": f"value = {number}\n" * 1500}
        for number in range(50)
    ],
    "token_limit": 10_000_000,
}


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


def _with_file(**fields: Any) -> dict[str, Any]:
    return GOOD | {"codebase": [*FILES, {**FILES[0], **fields}]}


#: Bodies with exactly one fault against the documentation, by a description of the fault.
BAD_BODIES: dict[str, Any] = {
    "a body without `query`": _without("query"),
    "a body without `codebase`": _without("codebase"),
    "`query` is a number": GOOD | {"query": 5},
    "`codebase` is null": GOOD | {"codebase": None},
    "`codebase` is an object": GOOD | {"codebase": {"a.py": "x = 1"}},
    "a file is a string": GOOD | {"codebase": [*FILES, "x = 1"]},
    "a file without `filename`": GOOD | {"codebase": [*FILES, {"content": "x = 1"}]},
    "a file without `content`": GOOD | {"codebase": [*FILES, {"filename": "a.py"}]},
    "`filename` of the last file is a number": _with_file(filename=5),
    "`content` of the last file is null": _with_file(content=None),
    "`token_limit` is a string": GOOD | {"token_limit": "100000"},
    "`relace_metadata` is a string": GOOD | {"relace_metadata": "x"},
    "the body is an array": [GOOD],
    "the body is not JSON": b"query=cookie",
    "the body is empty": b"",
}
#: Bodies that ask for nothing.
EMPTY_BODIES: dict[str, Any] = {
    "`codebase` is empty": GOOD | {"codebase": []},
    "`token_limit` is 0": GOOD | {"token_limit": 0},
}
