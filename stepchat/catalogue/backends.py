"""The table of servers and their dialects (WIRE.md 4). Adding a server is adding a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

OPENROUTER_URL = "https://openrouter.ai/api/v1"
DEFAULT_MODEL = "stepfun/step-3.5-flash"

MANDATORY_REASONING = ("stepfun/step-3",)
"""Models that answer 400 when reasoning is off, by the beginning of their slug (WIRE.md 4.5)."""

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - only compared
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Backend:
    """One kind of server.

    `reasoning_back` says how earlier reasoning returns when no reasoning_details came: under the name it was read from,
    under that name in every assistant message even when empty (DeepSeek's rule, WIRE.md 4.2), or not at all.
    """

    name: str
    title: str
    base_url: str
    key_variable: str | None
    reasoning_back: Literal["as read", "always", "never"] = "as read"
    usage_option: bool = True
    """Ask for usage with stream_options; OpenRouter always sends it."""
    trim_reasoning: bool = True
    """Outer white space around thoughts in history made llama.cpp's Step models loop (WIRE.md 4.4)."""
    supports_session_id: bool = False
    """Understands session_id."""
    sends_attribution: bool = False
    has_accounts: bool = False
    """Tells the key's balance and the cost of a generation, and gives keys by PKCE."""
    starts_in_thinking: bool = False
    start_hint: str = ""
    context_window_hint: str = ""
    """How to give its models a larger window."""
    loads_on_demand: bool = False
    """Loads a model with its first question; how large its window is shows afterwards."""
    counts_max_tokens: bool = False
    """Refuses a request when the longest answer it asks for does not fit behind it. Others just end the answer there."""
    truncates_silently: bool = False
    """Cuts off what does not fit into the window without a word."""


BACKENDS: tuple[Backend, ...] = (
    Backend(
        "openrouter", "OpenRouter", OPENROUTER_URL, "OPENROUTER_API_KEY",
        usage_option=False, trim_reasoning=False, supports_session_id=True, sends_attribution=True, has_accounts=True,
        counts_max_tokens=True,
    ),
    Backend("stepfun", "StepFun", "https://api.stepfun.com/v1", "STEPFUN_API_KEY"),
    Backend("deepseek", "DeepSeek", "https://api.deepseek.com", "DEEPSEEK_API_KEY", reasoning_back="always"),
    Backend(
        "llama.cpp", "llama.cpp", "http://127.0.0.1:8080/v1", None,
        start_hint="Start it with: llama-server -m MODEL.gguf --jinja",
        context_window_hint="For a larger one: llama-server -c 32768",
    ),
    Backend(
        "vllm", "vLLM", "http://127.0.0.1:8000/v1", None,
        start_hint="Start it with: vllm serve MODEL --reasoning-parser step3p5",
        context_window_hint="For a larger one: vllm serve --max-model-len 32768", counts_max_tokens=True,
    ),
    Backend(
        "sglang", "SGLang", "http://127.0.0.1:30000/v1", None,
        start_hint="Start it with: python -m sglang.launch_server --model-path MODEL --reasoning-parser step3p5",
        context_window_hint="For a larger one: --context-length 32768, and --mem-fraction-static for its memory",
        counts_max_tokens=True,
    ),
    Backend(
        "ollama", "Ollama", "http://127.0.0.1:11434/v1", None, start_hint="Start it with: ollama serve",
        context_window_hint="What does not fit it cuts off without a word. For a larger one: OLLAMA_CONTEXT_LENGTH=32768 ollama serve",
        loads_on_demand=True, truncates_silently=True,
    ),
    Backend(
        "lmstudio", "LM Studio", "http://127.0.0.1:1234/v1", None, reasoning_back="never",
        start_hint="Start it with: lms server start", loads_on_demand=True,
        context_window_hint="For a larger one: lms load MODEL --context-length 32768",
    ),
    Backend("custom", "an OpenAI-compatible server", "", "STEPCHAT_API_KEY"),
)  # fmt: skip


def backend_for(base_url: str) -> Backend:
    """The row for a base URL: by OpenRouter's own path, else by host and port, else `custom`. Never raises."""
    place = _place(base_url)
    # The path tells more than the port: OpenRouter's demo, its proxies and its imitations may stand anywhere.
    if place.path.endswith("/api/v1"):
        return BACKENDS[0]
    for profile in BACKENDS:
        known = _place(profile.base_url)
        if known.host and (known.host, known.port) == (place.host, place.port):
            return profile
    return BACKENDS[-1]


class _Address(NamedTuple):
    host: str
    port: int | None
    path: str


def _place(base_url: str) -> _Address:
    """Host, port and path, with one name for this machine; an empty host for what is no URL."""
    try:
        url = urlsplit(base_url)
        host, port = url.hostname or "", url.port
    except ValueError:
        return _Address("", None, "")
    if host in _THIS_MACHINE:
        host = "localhost"
    return _Address(host, port or _PORTS.get(url.scheme), url.path.rstrip("/"))


def is_local(base_url: str) -> bool:
    """Whether the server is on this machine."""
    return _place(base_url).host == "localhost"


def bare_slug(model: str) -> str:
    """The slug without its routing suffix: `a/b:free` is `a/b`."""
    return model.split(":", 1)[0]


def same_address(one: str, other: str) -> bool:
    """Whether two base URLs mean the same host, port and path, by the same scheme."""
    here, there = _place(one), _place(other)
    schemes = {url.partition("://")[0].lower() for url in (one, other)}
    return one == other or (bool(here.host) and here == there and len(schemes) == 1)


def same_server(one: str, other: str) -> bool:
    """Whether two base URLs mean the same server; one of its kind on this machine may have come back on another port."""
    here, there = _place(one), _place(other)
    if here.host == there.host == "localhost":
        return here.path == there.path and backend_for(one).name == backend_for(other).name
    return same_address(one, other)
