"""What a condition of a scenario saw in a request that did not meet it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from relace_mock import contract

if TYPE_CHECKING:
    from relace_mock.journal.entry import Entry

_SHOWN = 60  # characters of a text


def seen(entry: Entry, condition: str) -> str | None:  # noqa: PLR0911 - one return a kind of condition
    """The value that a condition was compared with; None if it is not known any more."""
    match condition:
        case "attempt":
            return None if entry.attempt is None else str(entry.attempt)
        case "would_be":
            return None if entry.status is None else str(entry.status)
        case "min_inputs" | "max_inputs":
            inputs = entry.decided.inputs
            return None if inputs is None else str(inputs)
        case "model":
            return _excerpt(entry.content.get("model"))
        case "output_dtype":
            return _excerpt(entry.content.get("output_dtype", "float"))
        case "endpoint":
            return contract.ENDPOINTS.get(entry.arrived.path)
        case "input_contains" | "input_matches":
            body = entry.content
            texts = body.get("input", body.get("query"))  # of the ranker, only the query
            texts = [texts] if isinstance(texts, str) else texts
            if not isinstance(texts, list) or not texts:
                return None
            more = f" and {len(texts) - 1} more" if len(texts) > 1 else ""
            return f"{_excerpt(texts[0])}{more}"
    return None


def _excerpt(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    shown = " ".join(value[: 2 * _SHOWN].split())
    return shown if len(shown) <= _SHOWN and len(value) <= 2 * _SHOWN else f"{shown[:_SHOWN]}…"
