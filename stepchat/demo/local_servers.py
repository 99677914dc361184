"""Local servers as the demo imitates them: each reports the context window of its models in its own way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from stepchat.demo.chat import RefusedError

if TYPE_CHECKING:
    from stepchat.messages import Json

MODELS = ("demo/talk", "demo/haiku")
TRAINED = 131_072
"""Context window that the models were trained with, in tokens."""
WINDOW = 4096
"""Context window that they run with by default, in tokens."""


@dataclass(frozen=True, slots=True)
class State:
    """How such a server was started, and which models it has loaded since, the latest last."""

    window: int
    loaded: tuple[str, ...] = ()


Answer: TypeAlias = Callable[[State, Any], "Json"]


@dataclass(frozen=True, slots=True)
class LocalServer:
    """One kind: its entry of /v1/models for a model, and its own endpoints, each with a function from a body to an answer."""

    name: str
    entry: Callable[[State, str], Json]
    gets: Mapping[str, Answer] = field(default_factory=dict[str, Answer])
    posts: Mapping[str, Answer] = field(default_factory=dict[str, Answer])


def _props(state: State, _body: Any) -> Json:
    return {"default_generation_settings": {"n_ctx": state.window, "params": {}}, "total_slots": 1, "model_path": "x"}


def _running(state: State, _body: Any) -> Json:
    return {"models": [{"name": name, "model": name, "context_length": state.window} for name in state.loaded]}


def _show(_state: State, body: Any) -> Json:
    name: Any = cast("Json", body).get("model") if isinstance(body, dict) else None
    if name not in MODELS:
        raise RefusedError(404, f"model '{name}' not found")
    answer: Json = {"model_info": {"general.architecture": "demo", "demo.context_length": TRAINED}}
    # One of the models sets it in its Modelfile.
    return answer | ({"parameters": 'num_ctx                        8192\nstop    "x"'} if name == MODELS[1] else {})


def _files(state: State, _body: Any) -> Json:
    return {"object": "list", "data": [_file(state, name) for name in MODELS]}


def _file(state: State, name: str) -> Json:
    there = name in state.loaded
    entry: Json = {"id": name, "object": "model", "type": "llm", "max_context_length": TRAINED}
    return (
        entry
        | {"state": "loaded" if there else "not-loaded"}
        | ({"loaded_context_length": state.window} if there else {})
    )


def _owned(owner: str, **more: Any) -> Callable[[State, str], Json]:
    return lambda _state, name: {"id": name, "object": "model", "created": 1, "owned_by": owner, **more}


LOCAL_SERVERS: tuple[LocalServer, ...] = (
    LocalServer("llama.cpp", _owned("llamacpp", meta={"n_ctx_train": TRAINED}), {"/props": _props}),
    LocalServer("vllm", lambda state, name: {"id": name, "owned_by": "vllm", "max_model_len": state.window}),
    LocalServer(
        "sglang",
        _owned("sglang", max_model_len=TRAINED),
        {"/get_server_info": lambda state, _: {"context_length": None, "max_total_num_tokens": state.window}},
    ),
    LocalServer("ollama", _owned("library"), {"/api/ps": _running}, {"/api/show": _show}),
    LocalServer("lmstudio", _owned("organization_owner"), {"/api/v0/models": _files}),
)


def local_response(kind: LocalServer, state: State, method: str, path: str, body: Any) -> Json:
    """The answer of one of its endpoints. Raises RefusedError."""
    if (method, path) == ("GET", "/v1/models"):
        return {"object": "list", "data": [kind.entry(state, name) for name in MODELS]}
    found = (kind.gets if method == "GET" else kind.posts).get(path)
    if found is None:
        raise RefusedError(404, f"There is no endpoint {path or '/'}.")
    return found(state, body)
