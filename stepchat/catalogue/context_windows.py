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

from stepchat.catalogue.models import natural_number, read_model
from stepchat.errors import StepchatError
from stepchat.servers.probe import detect_backend

if TYPE_CHECKING:
    from stepchat.messages import Json
    from stepchat.servers.client import Client

PATIENCE = 2.0
"""Seconds for each question, and from which on no more models are asked about one by one."""
_MOST = 100
"""Models that are asked about one by one."""


@dataclass(frozen=True, slots=True)
class ContextWindow:
    """Tokens: those it runs with, and those the model could take; None where it does not tell."""

    tokens: int | None = None
    maximum: int | None = None


class AskServer(Protocol):
    """What an address of the server answers, from its root on: to GET, or with a body to POST. Raises StepchatError."""

    def __call__(self, path: str, body: Json | None = None, /, **query: str) -> Json: ...


Find: TypeAlias = Callable[[AskServer, Sequence[str]], Mapping[str, ContextWindow]]


def _llama_cpp(ask: AskServer, names: Sequence[str]) -> Mapping[str, ContextWindow]:
    if len(names) == 1:
        return {names[0]: _props(ask("/props"))}
    # One that routes to several: looking must not load any of them.
    return _each(names, lambda name: _props(ask("/props", model=name, autoload="false")))


def _props(told: Json) -> ContextWindow:
    return ContextWindow(natural_number(_map(told.get("default_generation_settings")).get("n_ctx")))


def _sglang(ask: AskServer, names: Sequence[str]) -> Mapping[str, ContextWindow]:
    told = ask("/get_server_info")
    # What the model may take does not all fit into the memory that is left for it.
    room = [length for key in ("context_length", "max_total_num_tokens") if (length := natural_number(told.get(key)))]
    return dict.fromkeys(names, ContextWindow(min(room, default=None)))


def _ollama(ask: AskServer, names: Sequence[str]) -> Mapping[str, ContextWindow]:
    running = {
        str(one.get("name")): natural_number(one.get("context_length")) for one in _maps(ask("/api/ps").get("models"))
    }

    def look(name: str) -> ContextWindow:
        told = ask("/api/show", {"model": name})
        given = re.search(r"^num_ctx\s+(\d{1,12})\s*$", str(told.get("parameters") or ""), re.MULTILINE)
        lengths = [value for key, value in _map(told.get("model_info")).items() if key.endswith(".context_length")]
        # One that is not loaded yet gets what the server was started with, which it does not tell.
        return ContextWindow(
            running.get(name) or (natural_number(int(given[1])) if given else None),
            next((length for value in lengths if (length := natural_number(value))), None),
        )

    # Those that run first: one of them is asked.
    return _each(sorted(names, key=lambda name: name not in running), look)


def _lm_studio(ask: AskServer, names: Sequence[str]) -> Mapping[str, ContextWindow]:
    told = {str(one.get("id")): one for one in _maps(ask("/api/v0/models").get("data"))}
    return {
        name: ContextWindow(
            natural_number(told[name].get("loaded_context_length")),
            natural_number(told[name].get("max_context_length")),
        )
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


def with_context_windows(client: Client, entries: Sequence[Any]) -> list[Any]:
    """The list of models with what else the server tells of their windows. Never raises."""
    models = [model for entry in entries if (model := read_model(entry)) is not None]
    kind = client.backend.name
    if kind == "custom" and (known := detect_backend(models)) is not None:
        kind = known.name
    find = dict(ROWS).get(kind)
    if find is None or not models:
        return list(entries)

    def ask(path: str, body: Json | None = None, /, **query: str) -> Json:
        return client.get_json(path, query, seconds=PATIENCE, body=body, at_root=True)

    found: Mapping[str, ContextWindow] = {}
    with suppress(StepchatError):
        found = find(ask, [model.id for model in models[:_MOST]])
    return [_merged(entry, found) for entry in entries]


def _merged(entry: Any, found: Mapping[str, ContextWindow]) -> Any:
    model = read_model(entry)
    window = None if model is None else found.get(model.id)
    if window is None:
        return entry
    told = {"loaded_context_length": window.tokens, "max_context_length": window.maximum}
    return {**entry, **{key: value for key, value in told.items() if value is not None}}


def _each(names: Sequence[str], look: Callable[[str], ContextWindow]) -> Mapping[str, ContextWindow]:
    """Of as many as there is time for."""
    found: dict[str, ContextWindow] = {}
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
