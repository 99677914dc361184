"""Whether a question still fits into the model's window. Pure; what is not counted by the server is estimated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat import lossless_json
from stepchat.messages import AssistantMessage, ToolMessage, UserMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stepchat.catalogue.backends import Backend
    from stepchat.catalogue.models import Model
    from stepchat.messages import Json, StoredMessage

BYTES_PER_TOKEN = 4
"""Of UTF-8: about right for English and for code, and for scripts of which a letter takes two bytes or three."""
_MOST_PER_TOKEN = 7
"""Characters: prose has 4.7 of English and 5.4 of German, indented code 5, a table with blanks 6.5, and other scripts have fewer."""
LIMITS = ("max_tokens", "max_completion_tokens")
SMALL_WINDOW = 16_384
"""Tokens below which a window is soon full with reasoning."""


def estimate_tokens(text: str) -> int:
    """How many it may be."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return size // BYTES_PER_TOKEN


def minimum_tokens(text: str) -> int:
    """How many it is at the least, if it was written by people."""
    return len(text) // _MOST_PER_TOKEN


def tokens_used(path: Sequence[StoredMessage], before: str = "", count: Callable[[str], int] = estimate_tokens) -> int:
    """Tokens of the conversation as the next question finds it: what the last answer told, and what `count` says of what
    came after it. Templates of models leave out what was thought about earlier questions.

    `before` stands before all messages; it is in what an answer told.
    """
    tokens = 0
    for stored in reversed(path):
        match stored.message:
            case AssistantMessage() as answer:
                if answer.usage.prompt_tokens:
                    return tokens + answer.usage.prompt_tokens + _said(answer)
                tokens += count(answer.text)
            case UserMessage() | ToolMessage() as message:
                tokens += count(message.text)
    return tokens + count(before)


def _said(answer: AssistantMessage) -> int:
    """Tokens of an answer without its thoughts, which not every server counts."""
    told = answer.usage.reasoning_tokens
    thought = estimate_tokens(answer.reasoning) if told is None else told
    return max(0, (answer.usage.completion_tokens or 0) - thought)


def estimate_conversation_tokens(path: Sequence[StoredMessage], text: str = "") -> int:
    """Tokens of what was said, whatever the server counted: it may have cut it."""
    said = [stored.message.text for stored in path]
    return sum(map(estimate_tokens, said)) + estimate_tokens(text)


def small_window_warning(model: Model | None, sent: int = 0) -> str:
    """A sentence about a server that gives its model little of the room that it could have; "" when it does not.

    `sent` is how many tokens it was asked to read.
    """
    if model is None or not model.max_context_length or not model.context_length:
        return ""
    if model.context_length >= max(SMALL_WINDOW, sent):
        return ""
    cut = f" Of about {sent:,} that were sent it has read no more." if sent > model.context_length else ""
    return f"The server runs {model.id} with a window of {model.context_length:,} tokens; it could take {model.max_context_length:,}.{cut}"


def tokens_over_limit(
    path: Sequence[StoredMessage],
    text: str,
    model: Model | None,
    backend: Backend,
    parameters: Json,
    system: str | None = None,
    *,
    certain_only: bool = False,
) -> int | None:
    """About how many tokens the request needs when that is more than the model takes.

    `certain_only` is for where nobody can say that it be sent all the same: what might fit is None, unless the server would cut
    it without a word.
    """
    if model is None or not model.context_length:
        return None
    shown = [parameters[name] for name in ("tools", "response_format") if name in parameters]
    before = f"{system or ''}{lossless_json.dumps(shown) if shown else ''}"
    limits = [limit for name in LIMITS if isinstance(limit := parameters.get(name), int)]
    longest = max(limits, default=0) if backend.counts_max_tokens else 0

    def needed(count: Callable[[str], int]) -> int:
        return tokens_used(path, before, count) + count(text) + longest

    least = needed(minimum_tokens if certain_only and not backend.truncates_silently else estimate_tokens)
    return needed(estimate_tokens) if least > model.context_length else None
