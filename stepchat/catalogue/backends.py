"""The table of backends: the kinds of server that stepchat supports. To add a server, add a row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

OPENROUTER_URL = "https://openrouter.ai/api/v1"
DEFAULT_MODEL = "stepfun/step-3.5-flash"

MANDATORY_REASONING = ("stepfun/step-3",)
"""Slug prefixes of models that answer 400 when reasoning is switched off, for when the catalogue is not loaded."""

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - only compared
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Backend:
    """One kind of server."""

    name: str
    title: str
    base_url: str
    key_variable: str | None
    reasoning_field: str = "reasoning_content"
    """The message field with its reasoning as text. Responses are searched for the fields of all rows."""
    reasoning_back: Literal["as read", "always", "never"] = "as read"
    """How reasoning is sent back when there are no reasoning_details: under the name it was read from; in every assistant
    message, even when empty (DeepSeek requires that); or not at all."""
    usage_option: bool = True
    """Token counts have to be requested with stream_options. OpenRouter always sends them."""
    trim_reasoning: bool = True
    """Strip white space around replayed reasoning, which would send Step models in llama.cpp into loops."""
    supports_session_id: bool = False
    sends_attribution: bool = False
    has_accounts: bool = False
    """Reports the key's balance and the cost of a generation, and issues keys by OAuth."""
    starts_in_thinking: bool = False
    """Answers begin with reasoning although no opening tag arrives."""
    start_hint: str = ""
    context_window_hint: str = ""
    """How to enlarge the context window of its models."""
    loads_on_demand: bool = False
    """Loads a model with the first question, and only then reports its context window."""
    counts_max_tokens: bool = False
    """Rejects a request if prompt and max_tokens exceed the context window; others truncate the answer."""
    truncates_silently: bool = False
    """Drops what exceeds the context window without an error."""
    model_owner: str = ""
    """The `owned_by` of its models, which identifies a server at an unknown address."""


BACKENDS: tuple[Backend, ...] = (
    Backend(
        "openrouter", "OpenRouter", OPENROUTER_URL, "OPENROUTER_API_KEY",
        reasoning_field="reasoning", usage_option=False, trim_reasoning=False, supports_session_id=True,
        sends_attribution=True, has_accounts=True, counts_max_tokens=True,
    ),
    Backend("stepfun", "StepFun", "https://api.stepfun.com/v1", "STEPFUN_API_KEY", reasoning_field="reasoning"),
    Backend("deepseek", "DeepSeek", "https://api.deepseek.com", "DEEPSEEK_API_KEY", reasoning_back="always"),
    Backend(
        "llama.cpp", "llama.cpp", "http://127.0.0.1:8080/v1", None,
        start_hint="Start it with: llama-server -m MODEL.gguf --jinja",
        context_window_hint="For a larger window: llama-server -c 32768", model_owner="llamacpp",
    ),
    Backend(
        "vllm", "vLLM", "http://127.0.0.1:8000/v1", None, reasoning_field="reasoning", model_owner="vllm",
        start_hint="Start it with: vllm serve MODEL --reasoning-parser step3p5",
        context_window_hint="For a larger window: vllm serve --max-model-len 32768", counts_max_tokens=True,
    ),
    Backend(
        "sglang", "SGLang", "http://127.0.0.1:30000/v1", None, model_owner="sglang",
        start_hint="Start it with: python -m sglang.launch_server --model-path MODEL --reasoning-parser step3p5",
        context_window_hint="For a larger window: --context-length 32768, and --mem-fraction-static for its memory",
        counts_max_tokens=True,
    ),
    Backend(
        "ollama", "Ollama", "http://127.0.0.1:11434/v1", None, reasoning_field="reasoning", model_owner="library",
        start_hint="Start it with: ollama serve", loads_on_demand=True, truncates_silently=True,
        context_window_hint="Ollama silently truncates what does not fit."
        " For a larger window: OLLAMA_CONTEXT_LENGTH=32768 ollama serve",
    ),
    Backend(
        "lmstudio", "LM Studio", "http://127.0.0.1:1234/v1", None, reasoning_back="never",
        model_owner="organization_owner",
        start_hint="Start it with: lms server start", loads_on_demand=True,
        context_window_hint="For a larger window: lms load MODEL --context-length 32768",
    ),
    Backend("custom", "an OpenAI-compatible server", "", "STEPCHAT_API_KEY"),
)  # fmt: skip


def backend_for(base_url: str) -> Backend:
    """Returns the row for a base URL, by OpenRouter's path or by host and port; otherwise `custom`. Never raises."""
    address = _address(base_url)
    # The path comes first: the demo server, proxies and imitations of OpenRouter run on any host and port.
    if address.path.endswith("/api/v1"):
        return BACKENDS[0]
    for backend in BACKENDS:
        known = _address(backend.base_url)
        if known.host and (known.host, known.port) == (address.host, address.port):
            return backend
    return BACKENDS[-1]


def detect_backend(owners: Iterable[str]) -> Backend | None:
    """Returns the row of a server by the `owned_by` of its models; None if they differ."""
    found = {next((row for row in BACKENDS if row.model_owner and row.model_owner == owner), None) for owner in owners}
    return found.pop() if len(found) == 1 else None


class _Address(NamedTuple):
    host: str
    port: int | None
    path: str


def _address(base_url: str) -> _Address:
    """Host, port and path, with one name for this machine; an empty host for anything but a URL."""
    try:
        url = urlsplit(base_url)
        host, port = url.hostname or "", url.port
    except ValueError:
        return _Address("", None, "")
    if host in _THIS_MACHINE:
        host = "localhost"
    return _Address(host, port or _PORTS.get(url.scheme), url.path.rstrip("/"))


def is_local(base_url: str) -> bool:
    """Whether the server runs on this machine."""
    host = _address(base_url).host
    return host == "localhost" or host.endswith(".localhost") or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


def bare_slug(model: str) -> str:
    """Returns the slug without its routing suffix: `a/b` for `a/b:free`."""
    return model.split(":", 1)[0]


def same_address(one: str, other: str) -> bool:
    """Whether two base URLs have the same scheme, host, port and path."""
    here, there = _address(one), _address(other)
    schemes = {url.partition("://")[0].lower() for url in (one, other)}
    return one == other or (bool(here.host) and here == there and len(schemes) == 1)


def same_server(one: str, other: str) -> bool:
    """Whether two base URLs mean the same server. Local servers of one kind may come back on another port."""
    here, there = _address(one), _address(other)
    if here.host == there.host == "localhost":
        return here.path == there.path and backend_for(one).name == backend_for(other).name
    return same_address(one, other)
