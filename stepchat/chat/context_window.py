"""Whether a question fits into the model's context window. Pure; what no server has counted is estimated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat import lossless_json
from stepchat.messages import AssistantMessage, ToolMessage, UserMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stepchat.catalogue.backends import Backend
    from stepchat.catalogue.models import Model
    from stepchat.messages import Attachment, Json, StoredMessage

BYTES_PER_TOKEN = 4
"""Bytes of UTF-8. About right for English, code, and scripts whose letters take two or three bytes."""
_CHARACTERS_PER_TOKEN = 7
"""An upper bound: English prose has 4.7, German 5.4, indented code 5, a table with spaces 6.5, other scripts fewer."""
LIMITS = ("max_tokens", "max_completion_tokens")
SMALL_WINDOW = 16_384
"""Tokens. Reasoning soon fills a smaller window."""


def estimate_tokens(text: str) -> int:
    """A good guess of how many tokens a text has."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return size // BYTES_PER_TOKEN


def minimum_tokens(text: str) -> int:
    """The fewest tokens a text can have if people wrote it."""
    return len(text) // _CHARACTERS_PER_TOKEN


def tokens_used(path: Sequence[StoredMessage], before: str = "", count: Callable[[str], int] = estimate_tokens) -> int:
    """Tokens of the conversation before the next question: the usage of the last answer, plus `count` of later messages.

    Earlier reasoning does not count, because chat templates leave it out. `before` is text before all messages; a
    reported usage includes it.
    """
    tokens = 0
    for stored in reversed(path):
        match stored.message:
            case AssistantMessage() as answer:
                if answer.usage.prompt_tokens:
                    return tokens + answer.usage.prompt_tokens + _text_tokens(answer)
                tokens += count(answer.text)
            case UserMessage() as question:
                tokens += count(question.text) + attachment_tokens(question.attachments)
            case ToolMessage() as result:
                tokens += count(result.text)
    return tokens + count(before)


def _text_tokens(answer: AssistantMessage) -> int:
    """Tokens of an answer without its reasoning, which not every server counts."""
    counted = answer.usage.reasoning_tokens
    reasoning = estimate_tokens(answer.reasoning) if counted is None else counted
    return max(0, (answer.usage.completion_tokens or 0) - reasoning)


def attachment_tokens(attachments: Sequence[Attachment]) -> int:
    """About how many tokens attached files take."""
    return sum(attachment.tokens for attachment in attachments)


def estimate_conversation_tokens(
    path: Sequence[StoredMessage], text: str = "", attachments: Sequence[Attachment] = ()
) -> int:
    """Tokens of all message texts and files. Ignores the server's counts, because it may have truncated the conversation."""
    questions = [stored.message for stored in path if isinstance(stored.message, UserMessage)]
    files = [*(one for question in questions for one in question.attachments), *attachments]
    texts = sum(estimate_tokens(stored.message.text) for stored in path) + estimate_tokens(text)
    return texts + attachment_tokens(files)


def small_window_warning(model: Model | None, sent: int = 0) -> str:
    """A sentence about a server that runs a model with a small part of its possible context window; "" otherwise.

    `sent` is the number of tokens in the last request.
    """
    if model is None or not model.max_context_length or not model.context_length:
        return ""
    if model.context_length >= max(SMALL_WINDOW, sent):
        return ""
    truncated = f" It has read no more of the {sent:,} tokens sent." if sent > model.context_length else ""
    window, possible = f"{model.context_length:,}", f"{model.max_context_length:,}"
    return f"The server runs {model.id} with a context window of {window} tokens; the model supports {possible}.{truncated}"


def tokens_over_limit(
    path: Sequence[StoredMessage],
    text: str,
    model: Model | None,
    backend: Backend,
    parameters: Json,
    system: str | None = None,
    *,
    attachments: Sequence[Attachment] = (),
    certain_only: bool = False,
) -> int | None:
    """About how many tokens the request needs if that exceeds the model's context window; None otherwise.

    With `certain_only`, a request that might fit counts as fitting, unless the server would silently truncate it.
    """
    if model is None or not model.context_length:
        return None
    shown = [parameters[name] for name in ("tools", "response_format") if name in parameters]
    before = f"{system or ''}{lossless_json.dumps(shown) if shown else ''}"
    limits = [limit for name in LIMITS if isinstance(limit := parameters.get(name), int)]
    longest = max(limits, default=0) if backend.counts_max_tokens else 0

    def needed(count: Callable[[str], int]) -> int:
        return tokens_used(path, before, count) + count(text) + attachment_tokens(attachments) + longest

    least = needed(minimum_tokens if certain_only and not backend.truncates_silently else estimate_tokens)
    return needed(estimate_tokens) if least > model.context_length else None
