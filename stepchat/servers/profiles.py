"""The table of servers and their dialects (WIRE.md 4). Adding a server is adding a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

OPENROUTER_URL = "https://openrouter.ai/api/v1"
DEFAULT_MODEL = "stepfun/step-3.5-flash"

MANDATORY_REASONING = ("stepfun/step-3",)
"""Models that answer 400 when reasoning is off, by the beginning of their slug (WIRE.md 4.5)."""


@dataclass(frozen=True, slots=True)
class Profile:
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
    sessions: bool = False
    """Understands session_id."""
    attribution: bool = False
    starts_in_thinking: bool = False
    start_hint: str = ""


PROFILES: tuple[Profile, ...] = (
    Profile(
        "openrouter", "OpenRouter", OPENROUTER_URL, "OPENROUTER_API_KEY",
        usage_option=False, trim_reasoning=False, sessions=True, attribution=True,
    ),
    Profile("stepfun", "StepFun", "https://api.stepfun.com/v1", "STEPFUN_API_KEY"),
    Profile("deepseek", "DeepSeek", "https://api.deepseek.com", "DEEPSEEK_API_KEY", reasoning_back="always"),
    Profile(
        "llama.cpp", "llama.cpp", "http://127.0.0.1:8080/v1", None,
        start_hint="Start it with: llama-server -m MODEL.gguf --jinja",
    ),
    Profile(
        "vllm", "vLLM", "http://127.0.0.1:8000/v1", None,
        start_hint="Start it with: vllm serve MODEL --reasoning-parser step3p5",
    ),
    Profile(
        "sglang", "SGLang", "http://127.0.0.1:30000/v1", None,
        start_hint="Start it with: python -m sglang.launch_server --model-path MODEL --reasoning-parser step3p5",
    ),
    Profile("ollama", "Ollama", "http://127.0.0.1:11434/v1", None, start_hint="Start it with: ollama serve"),
    Profile(
        "lmstudio", "LM Studio", "http://127.0.0.1:1234/v1", None, reasoning_back="never",
        start_hint="Start it with: lms server start",
    ),
    Profile("custom", "an OpenAI-compatible server", "", "STEPCHAT_API_KEY"),
)  # fmt: skip


def profile_for(base_url: str) -> Profile:
    """The row for a base URL: by host and port, else by the shape of the path, else `custom`."""
    url = urlsplit(base_url)
    for profile in PROFILES:
        known = urlsplit(profile.base_url)
        if profile.base_url and (url.hostname, url.port) == (known.hostname, known.port):
            return profile
    # OpenRouter's own path: its demo, its proxies and its imitations.
    if url.path.rstrip("/").endswith("/api/v1"):
        return PROFILES[0]
    return PROFILES[-1]


def is_local(base_url: str) -> bool:
    """Whether the server is on this machine."""
    return urlsplit(base_url).hostname in {"localhost", "127.0.0.1", "::1", "0.0.0.0"}  # noqa: S104 - only compared


def bare_slug(model: str) -> str:
    """The slug without its routing suffix: `a/b:free` is `a/b`."""
    return model.split(":", 1)[0]


def same_server(one: str, other: str) -> bool:
    """Whether two base URLs mean the same server; a server on this machine may have come back on another port."""
    if one == other:
        return True
    return is_local(one) and is_local(other) and urlsplit(one).path == urlsplit(other).path
