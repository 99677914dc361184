"""How much a server on one's own machine takes: what it was started with, which its list of models rarely tells.

Adding a kind of server is adding a row. Blocks, so it is called in a thread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from stepchat.catalogue.models import natural, read_model
from stepchat.errors import StepchatError
from stepchat.servers.probe import kind_of

if TYPE_CHECKING:
    from stepchat.messages import Json
    from stepchat.servers.client import Client

PATIENCE = 2.0
"""Seconds for each question, and from which on no more models are asked about one by one."""
_MOST = 100
"""Models that are asked about one by one."""


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens: those it runs with, and those the model could take; None where it does not tell."""

    tokens: int | None = None
    most: int | None = None


class Ask(Protocol):
    """What an address of the server answers, from its root on: to GET, or with a body to POST. Raises StepchatError."""

    def __call__(self, path: str, body: Json | None = None, /, **query: str) -> Json: ...


Find: TypeAlias = Callable[[Ask, Sequence[str]], Mapping[str, Window]]


def _llama_cpp(ask: Ask, names: Sequence[str]) -> Mapping[str, Window]:
    if len(names) == 1:
        return {names[0]: _props(ask("/props"))}
    # One that routes to several: looking must not load any of them.
    return _each(names, lambda name: _props(ask("/props", model=name, autoload="false")))


def _props(told: Json) -> Window:
    return Window(natural(_map(told.get("default_generation_settings")).get("n_ctx")))


def _sglang(ask: Ask, names: Sequence[str]) -> Mapping[str, Window]:
    told = ask("/get_server_info")
    # What the model may take does not all fit into the memory that is left for it.
    room = [length for key in ("context_length", "max_total_num_tokens") if (length := natural(told.get(key)))]
    return dict.fromkeys(names, Window(min(room, default=None)))


def _ollama(ask: Ask, names: Sequence[str]) -> Mapping[str, Window]:
    running = {str(one.get("name")): natural(one.get("context_length")) for one in _maps(ask("/api/ps").get("models"))}

    def look(name: str) -> Window:
        told = ask("/api/show", {"model": name})
        given = re.search(r"^num_ctx\s+(\d{1,12})\s*$", str(told.get("parameters") or ""), re.MULTILINE)
        lengths = [value for key, value in _map(told.get("model_info")).items() if key.endswith(".context_length")]
        # One that is not loaded yet gets what the server was started with, which it does not tell.
        return Window(
            running.get(name) or (natural(int(given[1])) if given else None),
            next((length for value in lengths if (length := natural(value))), None),
        )

    # Those that run first: one of them is asked.
    return _each(sorted(names, key=lambda name: name not in running), look)


def _lm_studio(ask: Ask, names: Sequence[str]) -> Mapping[str, Window]:
    told = {str(one.get("id")): one for one in _maps(ask("/api/v0/models").get("data"))}
    return {
        name: Window(natural(told[name].get("loaded_context_length")), natural(told[name].get("max_context_length")))
        for name in names
        if name in told
    }


ROWS: tuple[tuple[str, Find], ...] = (
    ("llama.cpp", _llama_cpp),
    ("sglang", _sglang),
    ("ollama", _ollama),
    ("lmstudio", _lm_studio),
)
"""The name of a server's kind, and how it is asked. vLLM tells all in its list of models."""


def with_windows(client: Client, entries: Sequence[Any]) -> list[Any]:
    """The list of models with what else the server tells of their windows. Never raises."""
    models = [model for entry in entries if (model := read_model(entry)) is not None]
    kind = client.profile.name
    if kind == "custom" and (known := kind_of(models)) is not None:
        kind = known.name
    find = dict(ROWS).get(kind)
    if find is None or not models:
        return list(entries)

    def ask(path: str, body: Json | None = None, /, **query: str) -> Json:
        return client.look_up(path, query, seconds=PATIENCE, body=body, at_root=True)

    found: Mapping[str, Window] = {}
    with suppress(StepchatError):
        found = find(ask, [model.id for model in models[:_MOST]])
    return [_merged(entry, found) for entry in entries]


def _merged(entry: Any, found: Mapping[str, Window]) -> Any:
    model = read_model(entry)
    window = None if model is None else found.get(model.id)
    if window is None:
        return entry
    told = {"loaded_context_length": window.tokens, "max_context_length": window.most}
    return {**entry, **{key: value for key, value in told.items() if value is not None}}


def _each(names: Sequence[str], look: Callable[[str], Window]) -> Mapping[str, Window]:
    """Of as many as there is time for."""
    found: dict[str, Window] = {}
    end = monotonic() + PATIENCE
    for name in names:
        if monotonic() > end:
            break
        with suppress(StepchatError):
            found[name] = look(name)
    return found


def _map(value: Any) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _maps(value: Any) -> list[Json]:
    return [_map(item) for item in cast("list[Any]", value)] if isinstance(value, list) else []
