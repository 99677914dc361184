"""Whether a question still fits into the model's window. Pure; what is not counted by the server is estimated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat import exact_json
from stepchat.messages import AssistantMessage, ToolMessage, UserMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.messages import Json, StoredMessage
    from stepchat.servers.models import Model

BYTES_PER_TOKEN = 4
"""Of UTF-8: about right for English and for code, and for scripts of which a letter takes two bytes or three."""
LIMITS = ("max_tokens", "max_completion_tokens")
SMALL_WINDOW = 16_384
"""Tokens below which a window is soon full with reasoning."""


def tokens_of(text: str) -> int:
    """How many it may be."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return size // BYTES_PER_TOKEN


def used(path: Sequence[StoredMessage], before: str = "") -> int:
    """Tokens of the conversation: what the last answer told, and an estimate of what came after it.

    `before` stands before all messages; it is in what an answer told.
    """
    tokens = 0
    for stored in reversed(path):
        match stored.message:
            case AssistantMessage() as answer:
                told = (answer.usage.prompt_tokens or 0) + (answer.usage.completion_tokens or 0)
                if told:
                    return tokens + told
                tokens += tokens_of(answer.text) + tokens_of(answer.reasoning)
            case UserMessage() | ToolMessage() as message:
                tokens += tokens_of(message.text)
    return tokens + tokens_of(before)


def estimated(path: Sequence[StoredMessage], text: str = "") -> int:
    """Tokens of what was said, whatever the server counted: it may have cut it."""
    said = [stored.message.text for stored in path]
    return sum(map(tokens_of, said)) + tokens_of(text)


def small_window(model: Model | None, sent: int = 0) -> str:
    """A sentence about a server that gives its model little of the room that it could have; "" when it does not.

    `sent` is how many tokens it was asked to read.
    """
    if model is None or not model.could_take or not model.context_length:
        return ""
    if model.context_length >= max(SMALL_WINDOW, sent):
        return ""
    cut = f" Of about {sent:,} that were sent it has read no more." if sent > model.context_length else ""
    return f"The server runs {model.id} with a window of {model.context_length:,} tokens; it could take {model.could_take:,}.{cut}"


def too_much(
    path: Sequence[StoredMessage], text: str, model: Model | None, parameters: Json, system: str | None = None
) -> int | None:
    """How many tokens the request needs when that is more than the model takes, the answer as long as it may be."""
    if model is None or not model.context_length:
        return None
    shown = [parameters[name] for name in ("tools", "response_format") if name in parameters]
    needed = used(path, f"{system or ''}{exact_json.dumps(shown) if shown else ''}") + tokens_of(text)
    limits = [limit for name in LIMITS if isinstance(limit := parameters.get(name), int)]
    needed += max(limits, default=0)
    return needed if needed > model.context_length else None
