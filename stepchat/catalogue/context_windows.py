"""Detects the context windows of local servers, which their lists of models rarely mention.

To support another backend, add a row to `PROBES`. Everything here blocks: call it in a thread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from stepchat.catalogue.backends import Backend, detect_backend
from stepchat.catalogue.models import natural_number, read_model
from stepchat.errors import StepchatError

if TYPE_CHECKING:
    from stepchat.messages import Json

PATIENCE = 2.0
"""Seconds for each request, and seconds after which no further model is queried."""
_MOST = 100
"""The most models to query one by one."""


@dataclass(frozen=True, slots=True)
class ContextWindow:
    """The context window that the server uses, and the largest that the model supports, in tokens; None if unknown."""

    tokens: int | None = None
    maximum: int | None = None


class AskServer(Protocol):
    """Returns the JSON at a path below the server's root, with GET, or with POST if there is a body."""

    def __call__(self, path: str, body: Json | None = None, /, **query: str) -> Json: ...


Find: TypeAlias = Callable[[AskServer, Sequence[str]], Mapping[str, ContextWindow]]


def _llama_cpp(ask: AskServer, names: Sequence[str]) -> Mapping[str, ContextWindow]:
    if len(names) == 1:
        return {names[0]: _props(ask("/props"))}
    # A router in front of several models: a query must not load any of them.
    return _each(names, lambda name: _props(ask("/props", model=name, autoload="false")))


def _props(answer: Json) -> ContextWindow:
    return ContextWindow(natural_number(_map(answer.get("default_generation_settings")).get("n_ctx")))


def _sglang(ask: AskServer, names: Sequence[str]) -> Mapping[str, ContextWindow]:
    info = ask("/get_server_info")
    # The model's full window may not fit into the memory left for it.
    lengths = [
        length for key in ("context_length", "max_total_num_tokens") if (length := natural_number(info.get(key)))
    ]
    return dict.fromkeys(names, ContextWindow(min(lengths, default=None)))


def _ollama(ask: AskServer, names: Sequence[str]) -> Mapping[str, ContextWindow]:
    running = {
        str(one.get("name")): natural_number(one.get("context_length")) for one in _maps(ask("/api/ps").get("models"))
    }

    def show(name: str) -> ContextWindow:
        answer = ask("/api/show", {"model": name})
        given = re.search(r"^num_ctx\s+(\d{1,12})\s*$", str(answer.get("parameters") or ""), re.MULTILINE)
        lengths = [value for key, value in _map(answer.get("model_info")).items() if key.endswith(".context_length")]
        # A model that is not loaded yet gets the server's default, which Ollama does not report.
        return ContextWindow(
            running.get(name) or (natural_number(int(given[1])) if given else None),
            next((length for value in lengths if (length := natural_number(value))), None),
        )

    # Loaded models first, because the user is probably using one of them.
    return _each(sorted(names, key=lambda name: name not in running), show)


def _lm_studio(ask: AskServer, names: Sequence[str]) -> Mapping[str, ContextWindow]:
    models = {str(one.get("id")): one for one in _maps(ask("/api/v0/models").get("data"))}
    return {
        name: ContextWindow(
            natural_number(models[name].get("loaded_context_length")),
            natural_number(models[name].get("max_context_length")),
        )
        for name in names
        if name in models
    }


PROBES: tuple[tuple[str, Find], ...] = (
    ("llama.cpp", _llama_cpp),
    ("sglang", _sglang),
    ("ollama", _ollama),
    ("lmstudio", _lm_studio),
)
"""The function that queries each backend. vLLM reports the window in its list of models."""


class JsonServer(Protocol):
    """A server that answers JSON requests, such as `servers.client.Client`."""

    @property
    def backend(self) -> Backend: ...

    def get_json(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        seconds: float = ...,
        body: Json | None = None,
        at_root: bool = False,
    ) -> Json:
        """Raises StepchatError."""
        ...


def with_context_windows(server: JsonServer, entries: Sequence[Any]) -> list[Any]:
    """Returns the list of models with the context windows that the server reports elsewhere. Never raises."""
    models = [model for entry in entries if (model := read_model(entry)) is not None]
    kind = server.backend.name
    if kind == "custom" and (known := detect_backend(model.owner for model in models)) is not None:
        kind = known.name
    find = dict(PROBES).get(kind)
    if find is None or not models:
        return list(entries)

    def ask(path: str, body: Json | None = None, /, **query: str) -> Json:
        return server.get_json(path, query, seconds=PATIENCE, body=body, at_root=True)

    found: Mapping[str, ContextWindow] = {}
    with suppress(StepchatError):
        found = find(ask, [model.id for model in models[:_MOST]])
    return [_merged(entry, found) for entry in entries]


def _merged(entry: Any, found: Mapping[str, ContextWindow]) -> Any:
    model = read_model(entry)
    window = None if model is None else found.get(model.id)
    if window is None:
        return entry
    lengths = {"loaded_context_length": window.tokens, "max_context_length": window.maximum}
    return {**entry, **{key: value for key, value in lengths.items() if value is not None}}


def _each(names: Sequence[str], ask: Callable[[str], ContextWindow]) -> Mapping[str, ContextWindow]:
    """The context windows of as many models as can be queried in time."""
    found: dict[str, ContextWindow] = {}
    end = monotonic() + PATIENCE
    for name in names:
        if monotonic() > end:
            break
        with suppress(StepchatError):
            found[name] = ask(name)
    return found


def _map(value: Any) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _maps(value: Any) -> list[Json]:
    return [_map(item) for item in cast("list[Any]", value)] if isinstance(value, list) else []
