"""Clients with one wrong line each. ``requirements.yaml`` says which checks find which client.

A broken client is the source of the reference client with one text replaced, or with two where one
guard hides that another is missing. Its name says what is wrong.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

from relace_contract.adapters import examples

FOLDER = Path(examples.__file__).parent
CLIENT = (FOLDER / "reference_client.py").read_text(encoding="utf-8")
ADAPTER = (FOLDER / "reference.py").read_text(encoding="utf-8")
_FUTURE = "from __future__ import annotations\n"
_IMPORT = "from relace_contract.adapters.examples.reference_client import Client, EmbedError\n"

_STATUS = "if answer.status_code != 200:"
_SENT = "answer = await self._http.post(url, content=content, headers=headers)"
_DUPLICATE = '_demand(not vectors[index], "an index that is there twice")'
_MISSING = '_demand(all(vectors), "no result for some text")'
_RAGGED = '_demand(len({len(vector) for vector in vectors}) < 2, "vectors of several lengths")'
_FINITE = '_demand(all(map(math.isfinite, vector)), "a component that is not finite")'
_NUMBERS = '_demand(all(type(part) in {int, float} for part in vector), "a component, no number")'
_BODY = "content = json.dumps(body).encode()"
_TYPED = 'raise EmbedError("invalid_response", f"the answer has {error}") from None'
_RETRIED = 'RETRIED = {"rate_limit", "server", "connection", "timeout"}'
_VECTOR = "vectors[index] = vector"
_GIVEN = "return vectors, tokens\n"

#: Code that reads an answer piece by piece, in one of several ways; put before the class.
_PIECES = """
class Pieces:
    def __init__(self, answer, pieces):
        self.status_code, self.headers = answer.status_code, answer.headers
        self.content = b"".join(pieces)


async def read(http, url, content, headers, raw=False, strict=False, lenient=False):
    async with http.stream("POST", url, content=content, headers=headers) as answer:
        pieces = []
        try:
            async for piece in answer.aiter_raw() if raw else answer.aiter_bytes():
                pieces.append(piece.decode().encode() if strict else piece)
        except httpx.HTTPError:
            if not lenient:
                raise
        return Pieces(answer, pieces)
"""
_READ = (("\n@dataclass\n", _PIECES + "\n\n@dataclass\n"),)

#: Code that speaks HTTP over one connection, which it neither checks nor reopens.
_WIRE = """
async def post(client, url, content, headers):
    if not hasattr(client, "wire"):
        client.wire = await asyncio.open_connection(url.host, url.port)
    reader, writer = client.wire
    fields = {"Host": "localhost", "Content-Length": str(len(content)), **headers}
    lines = [f"POST {url.path} HTTP/1.1", *map(": ".join, fields.items())]
    writer.write("\\r\\n".join([*lines, "", ""]).encode() + content)
    try:
        head = (await reader.readuntil(b"\\r\\n\\r\\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].split()[0])
        return httpx.Response(int(head.split()[1]), content=await reader.readexactly(length))
    except (OSError, asyncio.IncompleteReadError) as error:
        raise httpx.ReadError(str(error)) from None
"""


def pieces(how: str) -> tuple[tuple[str, str], ...]:
    """The edits that make the reference read in this way."""
    return (*_READ, (_SENT, f"answer = await read(self._http, url, content, headers, {how}=True)"))


#: Code that takes all complete vectors from a damaged answer.
_SALVAGE = (
    "answer = json.loads(content, parse_constant=_refuse)",
    'answer = {"results": [json.loads(one) for one in __import__("re").findall(r\'{"index":.*?]}\', content.decode())]}',
)

#: Broken clients whose fault shows only in a separate process.
OWN_PROCESS = {"key-on-stderr"}


def both(*edits: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """Two edits: each edit alone would be hidden by the guard that the other edit removes."""
    return edits


def gone(line: str) -> tuple[str, str]:
    """An edit that removes a guard."""
    return line, "pass"


BROKEN: dict[str, tuple[tuple[str, str], ...]] = {
    # Requests.
    "other-path": (('"/code/embed"', '"/embeddings"'),),
    "slash-doubled": (('self.base_url.rstrip("/")', "self.base_url"),),
    "query-added": (('"/code/embed"', '"/code/embed?version=1"'),),
    "key-without-scheme": (('f"Bearer {self.api_key}"', "self.api_key"),),
    "scheme-token": (('f"Bearer {', 'f"Token {'),),
    "key-twice": (('"Authorization": f"Bearer {self.api_key}"', '"Authorization": f"Bearer {self.api_key}", "authorization": f"Bearer {self.api_key}"'),),
    "body-cut-on-retry": (("for attempt in itertools.count():", "for attempt in itertools.count():\n            content = content[:-1] if attempt else content"),),
    "key-missing-on-retry": (("for attempt in itertools.count():", "for self.attempt in itertools.count():"), ("attempt >= self.max_retries", "self.attempt >= self.max_retries"), ("_wait(error.headers, attempt)", "_wait(error.headers, self.attempt)"), ('"Authorization": f"Bearer {self.api_key}"', '**({} if self.attempt else {"Authorization": f"Bearer {self.api_key}"})')),
    "key-of-another": (('f"Bearer {self.api_key}"', 'f"Bearer {self.api_key[:-1]}0"'),),
    "key-only-in-url": (('"/code/embed"', 'f"/code/embed?key={self.api_key}"'), ('"Authorization": f"Bearer {self.api_key}",', "")),
    "key-in-url": (('"/code/embed"', 'f"/code/embed?key={self.api_key}"'),),
    "key-in-message": (("_message(answer), answer)", "_message(answer) + self.api_key, answer)"),),
    "key-on-stderr": (("_message(answer), answer)", "(sys.stderr.write(self.api_key), _message(answer))[1], answer)"),),
    "type-text": (('"Content-Type": "application/json"', '"Content-Type": "text/plain"'),),
    "type-missing": (('"Content-Type": "application/json"', '"X-Content-Type": "application/json"'),),
    "dtype-null": (("if dtype is not None:", "if True:"),),
    "input-renamed": (('"input": texts', '"inputs": texts'),),
    "field-added": (('"input": texts', '"input": texts, "encoding_format": "float"'),),
    "lone-text-not-listed": (('"input": texts', '"input": texts if len(texts) > 1 else texts[0]'),),
    "model-fixed": (('"model": self.model', '"model": "text-embedding-3-small"'),),
    "dtype-dropped": (('body["output_dtype"] = dtype', 'body["output_dtype"] = "float"'),),
    "texts-stripped": (('"input": texts', '"input": [text.strip() for text in texts]'),),
    "texts-composed": (('"input": texts', '"input": [__import__("unicodedata").normalize("NFC", text) for text in texts]'),),
    "nul-removed": (('"input": texts', '"input": [text.replace("\\0", "") for text in texts]'),),
    "lines-folded": (('"input": texts', '"input": ["\\n".join(text.splitlines()) for text in texts]'),),
    "astral-lost": ((_BODY, "content = json.dumps(body, ensure_ascii=False).encode('ascii', 'replace')"),),
    "empty-text-blank": (('"input": texts', '"input": [text or " " for text in texts]'),),
    "duplicates-merged": (('"input": texts', '"input": list(dict.fromkeys(texts))'),),
    "length-and-chunks": (('"Accept": "application/json"', '"Accept": "application/json", "Content-Length": str(len(content)), "Transfer-Encoding": "chunked"'),),
    "accept-html": (('"Accept": "application/json"', '"Accept": "text/html"'),),
    "agent-missing": (('"reference-client/1.0"', '""'),),
    # Answers.
    "order-trusted": both((_VECTOR, "vectors[vectors.index([])] = vector"), gone(_DUPLICATE)),
    "order-by-digits": ((_GIVEN, "return [vectors[int(place)] for place in sorted(map(str, range(count)))], tokens\n"),),
    "unknown-field-refused": ((_MISSING, f'{_MISSING}\n        _demand(answer.keys() <= {{"results", "usage"}}, "more")'),),
    "unknown-field-of-result-refused": ((_VECTOR, f'{_VECTOR}\n            _demand(len(result) == 2, "more")'),),
    "keys-by-place": (('index, vector = result["index"], result["embedding"]', "index, vector = list(result.values())[:2]"),),
    "blanks-refused": ((_MISSING, f"""{_MISSING}\n        _demand(content.startswith(b'{{"'), "blanks")"""),),
    "escapes-unread": ((_MISSING, f"""{_MISSING}\n        _demand(b'"index"' in content, "index")"""),),
    "integers-refused": (("type(part) in {int, float}", "type(part) is float"),),
    "exponents-cut": (("parse_constant=_refuse)", 'parse_constant=_refuse, parse_float=lambda text: float(text.partition("e")[0]))'),),
    "large-integers-refused": ((_FINITE, f'{_FINITE}\n            _demand(all(abs(part) < 2**53 for part in vector), "large")'),),
    "type-compared": ((_STATUS, 'if answer.status_code != 200 or answer.headers["content-type"] != "application/json":'),),
    "type-case-matters": ((_STATUS, 'if answer.status_code != 200 or not answer.headers["content-type"].startswith("application/json"):'),),
    "chunks-decoded-alone": pieces("strict"),
    "gzip-unread": pieces("raw"),
    "dimensions-fixed": ((_VECTOR, f'{_VECTOR}\n            _demand(len(vector) > 1, "short")'),),
    "bytes-unsigned": ((_VECTOR, "vectors[index] = [part % 256 if type(part) is int else part for part in vector]"),),
    "tokens-32-bit": ((_GIVEN, "return vectors, tokens % 2**31\n"),),
    "large-answer-refused": ((_MISSING, f'{_MISSING}\n        _demand(len(content) < 10_000_000, "too much")'),),
    "zero-vector-refused": ((_FINITE, f'{_FINITE}\n            _demand(any(vector), "nothing")'),),
    "usage-required": ((' if "usage" in answer else 0', ""),),
    "tokens-made-up": ((' if "usage" in answer else 0', ' if "usage" in answer else len(content) // 4'),),
    # Errors.
    "400-untyped": (('400: "bad_request"', '400: "other"'),),
    "401-untyped": (('401: "authentication"', '401: "bad_request"'),),
    "404-as-request": (('404: "key_not_found"', '404: "bad_request"'),),
    "429-as-server": (('429: "rate_limit"', '429: "server"'),),
    "500-untyped": ((">= 500", "> 500"),),
    "message-lost": (('return str(json.loads(answer.content)["error"])', 'return f"status {answer.status_code}"'),),
    "status-lost": (("self.status = answer.status_code if", "self.status = 500 if"),),
    "404-is-nothing": (("if error.kind not in RETRIED", 'if error.kind == "key_not_found":\n                    return [], 0\n                if error.kind not in RETRIED'),),
    "odd-body-breaks": (("except (ValueError, TypeError, KeyError):\n        return", "except KeyError:\n        return"),),
    "list-body-breaks": (("except (ValueError, TypeError, KeyError):\n        return", "except (ValueError, KeyError):\n        return"),),
    "503-untyped": ((">= 500", "== 500"),),
    "403-as-server": (('else "other"', 'else "server"'),),
    "limits-lost": (("self.headers = answer.headers if answer is not None else httpx.Headers()", "self.headers = httpx.Headers()"),),
    # Retries.
    "all-retried": (("error.kind not in RETRIED or ", ""),),
    "401-retried": ((_RETRIED, 'RETRIED = {"rate_limit", "server", "connection", "timeout", "authentication"}'),),
    "429-not-retried": ((_RETRIED, 'RETRIED = {"server", "connection", "timeout"}'),),
    "5xx-not-retried": ((_RETRIED, 'RETRIED = {"rate_limit", "connection", "timeout"}'),),
    "reset-not-retried": ((_RETRIED, 'RETRIED = {"rate_limit", "server", "timeout"}'),),
    "503-not-retried": (("error.kind not in RETRIED", "error.kind not in RETRIED or error.status == 503"),),
    "one-retry-more": (("attempt >= self.max_retries", "attempt > self.max_retries"),),
    "one-retry-less": (("attempt >= self.max_retries", "attempt + 1 >= self.max_retries"),),
    "retries-fixed": (("attempt >= self.max_retries", "attempt >= 2"),),
    "first-error-surfaces": (("except EmbedError as error:\n", 'except EmbedError as latest:\n                error = self.__dict__.setdefault("first", latest)\n'), ("                    raise\n", "                    raise error from None\n")),
    "wait-ignored": (('asked = headers.get("retry-after", "")', 'asked = ""'),),
    "wait-in-milliseconds": (("seconds = float(asked)", "seconds = float(asked) / 1000"),),
    "date-ignored": (("seconds = parsedate_to_datetime(asked).timestamp() - time.time()", "seconds = math.nan"),),
    "odd-wait-breaks": (("except (ValueError, TypeError, OverflowError):\n            seconds", "except OverflowError:\n            seconds"),),
    "infinite-wait-breaks": (("0 <= seconds <= LONGEST_WAIT", "0 <= int(seconds) <= LONGEST_WAIT"),),
    "any-wait-kept": (("LONGEST_WAIT = 4.0", "LONGEST_WAIT = 1e9"),),
    "body-grows": (("self._attempt(content)", 'self._attempt(content + b" " * attempt)'),),
    "retry-loses-texts": (("self._attempt(content)", 'self._attempt(content if attempt < 2 else content.replace(b"third", b""))'),),
    "wait-constant": (("2.0**attempt", "2.0"),),
    "wait-without-jitter": (("random.uniform(0.75, 1.0)", "1.5"),),
    # Connections.
    "reset-untyped": (('raise EmbedError("connection", str(error)', 'raise EmbedError("other", str(error)'),),
    "cut-off-salvaged": (*pieces("lenient"), _SALVAGE),
    "chunks-end-ignored": pieces("lenient"),
    "no-timeout": (("asyncio.timeout(self.timeout)", "asyncio.timeout(None)"),),
    "timeout-per-read": (("asyncio.timeout(self.timeout)", "asyncio.timeout(None)"), ("headers=headers)", "headers=headers, timeout=self.timeout)"), ("except TimeoutError:", "except (TimeoutError, httpx.TimeoutException):")),
    "timeout-is-long": (("asyncio.timeout(self.timeout)", "asyncio.timeout(5 * self.timeout)"),),
    "timeout-is-short": (("asyncio.timeout(self.timeout)", "asyncio.timeout(self.timeout / 10)"),),
    "timeout-untyped": (('EmbedError("timeout"', 'EmbedError("connection"'),),
    "not-http-breaks": (("except httpx.HTTPError", "except httpx.NetworkError"),),
    "stale-connection-used": (("\n@dataclass\n", _WIRE + "\n\n@dataclass\n"), (_SENT, "answer = await post(self, httpx.URL(url), content, headers)")),
    # Lies.
    "invalid-untyped": ((_TYPED, _TYPED.replace("invalid_response", "other")),),
    "odd-json-breaks": (("except (ValueError, TypeError, KeyError, OverflowError", "except (ValueError, KeyError, OverflowError"),),
    "nesting-forgiven": (('in answer["results"]:', 'in (answer["results"][0] if isinstance(answer["results"][0], list) else answer["results"]):'),),
    "duplicate-index-taken": both(gone(_DUPLICATE), gone(_MISSING), gone(_RAGGED)),
    "index-converted": (('result["index"], result', 'int(result["index"]), result'),),
    "index-negative": (("0 <= index < count", "index < count"),),
    "index-boolean": (("type(index) is int", "isinstance(index, int)"),),
    "index-beyond-ignored": (("0 <= index < count, ", "True, "), (_VECTOR, "vectors[index % count] = vector"), gone(_DUPLICATE)),
    "count-from-answer": (("for _ in range(count)]", 'for _ in answer["results"]]'), ("0 <= index < count", "0 <= index < len(vectors)")),
    "missing-is-empty": both(gone(_MISSING), gone(_RAGGED)),
    "extra-result-cut": (('in answer["results"]:', 'in answer["results"][:count]:'),),
    "nan-taken": both(("parse_constant=_refuse", "parse_constant=float"), gone(_FINITE)),
    "infinity-taken": (gone(_FINITE),),
    "strings-taken": both(gone(_NUMBERS), gone(_FINITE)),
    "booleans-taken": (("type(part) in {int, float}", "isinstance(part, (int, float))"),),
    "ragged-taken": (gone(_RAGGED),),
    "key-follows-redirect": (("AsyncClient(timeout=None)", "AsyncClient(timeout=None, follow_redirects=True)"), ('"Accept": "application/json"', '"Accept": "application/json", "X-Api-Key": self.api_key')),
    # Batches.
    "key-follows-moved-resource": ((_SENT, _SENT + "\n                if answer.status_code in {301, 303}:\n                    answer = await self._http.post(answer.headers['location'], content=content, headers=headers)"),),
    "batch-too-large": (("size = self.max_batch", "size = self.max_batch + 1"),),
    "batch-unlimited": (("size = self.max_batch", "size = 1000"),),
    "lone-text-dropped": (("range(0, len(texts), size)", "range(0, max(len(texts) - 1, 1), size)"),),
    "order-of-arrival": (("tasks = [group.create_task(self._batch(batch, dtype)) for batch in batches]", "answers = [await done for done in asyncio.as_completed([self._batch(batch, dtype) for batch in batches])]"), ("answers = [task.result() for task in tasks]", "")),
    "usage-of-last": (("sum(tokens for _, tokens in answers)", "answers[-1][1] if answers else 0"),),
    "busy-batch-zeroed": (("                    raise\n", "                    if error.kind == 'server' and len(texts) == self.max_batch:\n                        return [[0.0] * 32 for _ in texts], 0\n                    raise\n"),),
    "lost-batch-zeroed": (("                    raise\n", "                    if error.kind == 'connection' and len(texts) < self.max_batch:\n                        return [[0.0] * 32 for _ in texts], 0\n                    raise\n"),),
    "failed-batch-dropped": (("                    raise\n", "                    if len(texts) == self.max_batch:\n                        return [], 0\n                    raise\n"),),
    "failure-is-nothing": (("                    raise\n", "                    return [], 0\n"),),
    "nothing-sent": (("range(0, len(texts), size)", "range(0, len(texts) or 1, size)"),),
    "nothing-breaks": (("return vectors, sum(", "assert len(vectors[0]) > 0\n        return vectors, sum("),),
}  # fmt: skip


def program(name: str | None = None) -> str:
    """The source of a broken client with its adapter; of the reference without a name."""
    client, adapter = CLIENT, ADAPTER
    for old, new in BROKEN[name] if name else ():
        assert client.count(old) == 1, f"{name}: {old!r} is there {client.count(old)} times"
        client = client.replace(old, new)
    assert adapter.count(_IMPORT) == adapter.count(_FUTURE) == 1
    return client + adapter.replace(_IMPORT, "").replace(_FUTURE, "")


def broken(name: str | None = None) -> Any:
    """The class that answers for a broken client, as ``InProcess`` takes it."""
    module = types.ModuleType(f"broken_client_{name}")
    sys.modules[module.__name__] = module  # dataclasses look up their module here
    exec(compile(program(name), f"{name}.py", "exec"), module.__dict__)  # noqa: S102 - our own source
    return module.Handler
