"""Settings as the keyword arguments of ``running()`` and ``transport()``."""

from __future__ import annotations

import difflib
import functools
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, TypedDict, TypeVar, Union, get_args, get_origin, get_type_hints

from relace_mock.excerpts import quoted
from relace_mock.settings import (
    BinaryDtype,
    BitOrder,
    Contract,
    OnMiss,
    ResetForm,
    Settings,
    SettingsError,
    SpaceName,
    UnknownKeyStatus,
)


class SettingsKeywords(TypedDict, total=False):
    """The fields of ``Settings``, for type checkers and editors."""

    api_keys: tuple[str, ...]
    unknown_key_status: UnknownKeyStatus
    seed: int
    embedding: SpaceName
    dimensions: int
    binary_dtype: BinaryDtype
    bit_order: BitOrder
    contract: Contract
    max_body: int
    max_inputs: int
    scenario: str | None
    scenarios: Path | None
    scenario_seed: int
    rate_limit: str | None
    rate_limit_reset: ResetForm
    journal_size: int
    journal_bytes: int
    max_namespaces: int
    namespace_ttl: float
    control_token: str | None
    cors: tuple[str, ...]
    time_scale: float
    reload: bool
    cache_bytes: int
    upstream: str | None
    upstream_key: str | None
    record: Path | None
    keep_text: bool
    replay: Path | None
    on_miss: OnMiss | None
    store: str
    store_prefix: str
    store_ttl: float
    store_timeout: float


_P = ParamSpec("_P")
_R = TypeVar("_R")

#: Arguments of ``running()`` that are not fields of ``Settings``.
OF_RUNNING = ("host", "port", "http", "thread", "read_timeout", "max_connections")

_FORMS = {bool: "True or False", str: "a string", Path: "a pathlib.Path"}
_EXAMPLES = {
    "rate_limit": ", such as '3/60s'",
    "scenario": ", the name or the file of a scenario",
    "scenarios": ", such as Path('scenarios')",
    "upstream": ", such as 'https://embeddings.endpoint.relace.run'",
    "record": ", such as Path('vectors.relace')",
    "replay": ", such as Path('vectors.relace')",
    "store": ", 'memory' or a URL such as 'redis://127.0.0.1:6379/0'",
}
_SECRET = (  # the URL of a store may hold a password
    "api_keys",
    "control_token",
    "upstream_key",
    "store",
)


def by_name(play: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Make a decorator for a function whose arguments are all given by name.

    The function raises ``TypeError`` for any other argument, and the message shows the right form;
    it repeats no value, which may be a key. ``play`` shows how to play a scenario that is a mapping.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(function)
        def checked(*arguments: _P.args, **keywords: _P.kwargs) -> _R:
            if arguments:
                name = function.__name__
                form = f'{name}(scenario="flaky") or {name}(dimensions=256)'
                if any(isinstance(each, Mapping) for each in arguments):
                    form += f"; {play} plays a mapping"
                raise TypeError(f"{name}() takes settings by name only: write {form}")
            return function(*arguments, **keywords)

        return checked

    return decorate


def settings_from(keywords: Mapping[str, Any], *, also: tuple[str, ...] = ()) -> Settings:
    """Make ``Settings`` from keyword arguments. Raises ``SettingsError``.

    ``also`` has the names of the caller's other arguments. The message about a misspelt argument
    may suggest them.
    """
    types_of = get_type_hints(Settings)
    known = [*types_of, *also]
    for name, value in keywords.items():
        if name not in types_of:
            if name in OF_RUNNING:
                raise SettingsError(
                    f"{quoted(name)} belongs to running(), which starts a server: leave it out here"
                )
            near = difflib.get_close_matches(name, known, 1, 0.6)
            hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(known)}"
            raise SettingsError(f"{quoted(name)} is not a setting: {hint}")
        _check(name, value, types_of[name])
    return Settings(**keywords)


def shown(settings: Settings) -> str:
    """Return the settings that differ from the defaults, as arguments, with ``…`` for secrets."""
    default = Settings()
    parts = []
    for name in get_type_hints(Settings):
        value = getattr(settings, name)
        if value != getattr(default, name):
            parts.append(f"{name}=…" if name in _SECRET else f"{name}={value!r}")
    return ", ".join(parts)


def _check(name: str, value: object, annotation: Any) -> None:
    """Refuse a value of the wrong type, for fields whose type ``Settings`` does not check."""
    union = get_origin(annotation) in (Union, types.UnionType)
    choices = get_args(annotation) if union else (annotation,)
    wanted = [kind for kind in choices if kind in _FORMS]
    if not wanted or (type(None) in choices and value is None) or isinstance(value, tuple(wanted)):
        return
    forms = " or ".join(_FORMS[kind] for kind in wanted)
    found = type(value).__name__ if name in _SECRET else quoted(value)
    raise SettingsError(f"{name} must be {forms}{_EXAMPLES.get(name, '')}, not {found}")
