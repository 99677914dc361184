"""Recognizes settings and fields that a server rejects, so that requests leave them out for a day."""

from __future__ import annotations

import re
from contextlib import suppress
from time import time
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from stepchat import lossless_json
from stepchat.catalogue.backends import bare_slug
from stepchat.errors import StoreError
from stepchat.reasoning.effort import REJECTED_SETTING
from stepchat.servers.errors import error_text, is_length_error, mentions_other_parameter, mentions_reasoning, status_of
from stepchat.servers.wire import has_adjacent_questions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from stepchat.errors import ServerError
    from stepchat.messages import Json

REMEMBERED: Final = 24 * 3600.0
"""Seconds. The providers of a model change, so a rejected setting is tried again later."""
_SETTINGS: Final = ("reasoning", "reasoning_effort", "include_reasoning")
_UNKNOWN: Final = re.compile(
    r"unknown|unrecogni[sz]ed|unexpected|unsupported|not (?:be )?(?:supported|allowed|permitted|accepted|valid)"
    r"|does not (?:support|have|know)|doesn't support|extra inputs|invalid (?:parameter|argument|field)"
)
_OFF: Final = ("reasoning.enabled=false", 'reasoning.effort="none"', 'reasoning_effort="none"')


ADDED_FIELDS: Final = ("stream_options", "session_id", "reasoning")
"""The fields of a request that stepchat sends on its own."""
ALTERNATION: Final = "adjacent user messages"
"""Treated as a field: servers whose chat template requires alternating roles get adjacent questions as one message."""
_ALTERNATION: Final = re.compile(
    r"alternat|consecutive (?:user|messages)|roles? must|same role|\buser\b.{0,30} in a row|adjacent|back[- ]to[- ]back"
    r"|user.{0,30} followed by.{0,30}assistant"
)
_ALSO_CALLED: Final = {"stream_options": "stream_options|streamoptions|include_usage|includeusage"}
"""How errors, in lower case, may name a field."""


class Settings(Protocol):
    """The part of the session store that remembers small values."""

    async def setting(self, name: str) -> str | None: ...

    async def update_setting(self, name: str, change: Callable[[str | None], str]) -> None: ...


class RejectedSettings:
    """The rejected settings of the model last loaded, for display."""

    def __init__(self) -> None:
        self._model = ""
        self._rejected: Mapping[str, float] = {}

    async def load(self, store: Settings, server: str, model: str) -> None:
        """Load the rejected settings of a model."""
        self._rejected = await rejected_settings(store, server, model)
        self._model = model

    def reason(self, model: str, name: str, value: Any) -> str:
        """Returns why a setting is not sent; "" if it is."""
        return REJECTED_SETTING if model == self._model and setting_key(name, value) in self._rejected else ""

    def rejects_effort(self, model: str, parameters: Json) -> bool:
        """Whether the server rejected any of these reasoning settings."""
        return model == self._model and any(name in self._rejected for name in reasoning_settings(parameters))


async def rejected_settings(store: Settings, server: str, model: str) -> dict[str, float]:
    """Returns the reasoning settings that the server rejected for a model, as `name=JSON`, with the Unix time.

    A store that cannot be read counts as empty: the settings are rejected again at worst.
    """
    with suppress(StoreError):
        return read_rejected(await store.setting(_stored_name(server, model)), time())
    return {}


async def remember_rejected(store: Settings, server: str, model: str, rejected: Mapping[str, float]) -> None:
    """Add rejected settings. Raises StoreError."""
    await store.update_setting(
        _stored_name(server, model), lambda stored: write_rejected(read_rejected(stored, time()) | dict(rejected))
    )


async def clear_rejection(store: Settings, server: str, model: str, settings: Collection[str]) -> None:
    """Send these settings again, because the user set them again. Raises StoreError."""
    if not await rejected_settings(store, server, model):
        return

    def change(stored: str | None) -> str:
        rejected = read_rejected(stored, time())
        return write_rejected({setting: at for setting, at in rejected.items() if setting not in settings})

    await store.update_setting(_stored_name(server, model), change)


def _stored_name(server: str, model: str) -> str:
    # A command line can contain lone surrogates; the database cannot.
    return f"refused by {server} for {bare_slug(model)}".encode("utf-8", "replace").decode()


async def rejected_fields(store: Settings, server: str) -> dict[str, float]:
    """Returns the fields of our own that the server rejected, and when. An unreadable store counts as empty."""
    with suppress(StoreError):
        return read_rejected(await store.setting(_stored_fields(server)), time())
    return {}


async def remember_fields(store: Settings, server: str, rejected: Mapping[str, float]) -> None:
    """Add rejected fields. Raises StoreError."""
    await store.update_setting(
        _stored_fields(server), lambda stored: write_rejected(read_rejected(stored, time()) | dict(rejected))
    )


def _stored_fields(server: str) -> str:
    return f"fields refused by {server}".encode("utf-8", "replace").decode()


def blamed_fields(error: ServerError, body: Json, parameters: Json) -> tuple[str, ...]:
    """Returns the fields blamed by an error that stepchat added and the user did not set."""
    status = status_of(error.code)
    words = error_text(error)
    if status in {400, 422, 500} and _ALTERNATION.search(words) and has_adjacent_questions(body["messages"]):
        return (ALTERNATION,)
    if status not in {400, 422}:
        return ()
    added = (name for name in ADDED_FIELDS if name in body and name not in parameters)
    return tuple(name for name in added if re.search(rf"(?<![\w.])(?:{_ALSO_CALLED.get(name, name)})(?!\w)", words))


def setting_key(name: str, value: Any) -> str:
    """Returns the stored name of a setting."""
    return f"{name}={lossless_json.dumps(value)}"


def reasoning_settings(parameters: Json) -> tuple[str, ...]:
    """Returns the parameters that concern reasoning, each as `name=JSON`."""
    found: list[str] = []
    for name in _SETTINGS:
        value: Any = parameters.get(name)
        if isinstance(value, dict):
            found += [setting_key(f"{name}.{key}", item) for key, item in cast("Json", value).items()]
        elif value is not None:
            found.append(setting_key(name, value))
    return tuple(found)


def without_settings(parameters: Json, rejected: Collection[str]) -> Json:
    """Returns the parameters without these settings."""
    if not rejected:
        return parameters
    kept = dict(parameters)
    for name in _SETTINGS:
        value: Any = parameters.get(name)
        if isinstance(value, dict):
            given = cast("Json", value)
            kept[name] = {
                key: item for key, item in given.items() if setting_key(f"{name}.{key}", item) not in rejected
            }
            if not kept[name]:
                del kept[name]
        elif value is not None and setting_key(name, value) in rejected:
            del kept[name]
    return kept


def blamed_settings(error: ServerError, parameters: Json) -> tuple[str, ...]:
    """Returns the reasoning settings that an error blames; none if it may be about something else."""
    given = reasoning_settings(parameters)
    if status_of(error.code) not in {400, 422} or not given or is_length_error(error):
        return ()
    words = error_text(error)
    if re.search(r"mandatory|cannot be disabled", words):
        return tuple(setting for setting in given if setting in _OFF)
    named = tuple(setting for setting in given if _is_named(setting.partition("=")[0], words))
    if named or re.search(r"(?<![-\w])effort", words):
        return named
    rejected = mentions_reasoning(words) and _UNKNOWN.search(words) and not mentions_other_parameter(words)
    return given if rejected else ()


def _is_named(name: str, words: str) -> bool:
    """Whether the text contains the whole name, or "effort" for a setting of the effort."""
    return bool(re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.]*\w)", words)) or (
        name.endswith("effort") and bool(re.search(r"(?<![-\w])(?:reasoning_)?effort", words))
    )


def read_rejected(stored: str | None, now: float) -> dict[str, float]:
    """Returns the stored settings and when they were rejected; expired and unreadable ones are dropped."""
    try:
        found: Any = lossless_json.loads(stored or "{}")
    except ValueError:
        return {}
    entries: list[tuple[str, Any]] = list(cast("Json", found).items()) if isinstance(found, dict) else []
    return {name: at for name, at in entries if isinstance(at, int | float) and 0 <= now - at < REMEMBERED}


def write_rejected(rejected: Mapping[str, float]) -> str:
    """Returns the stored form."""
    return lossless_json.dumps(dict(rejected))
