"""The program's own lines in the transcript: headers, footers, endings, hints and notices."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

from stepchat.attachments.detection import describe
from stepchat.messages import total_usage
from stepchat.text.format import (
    CHARACTERS_PER_TOKEN,
    duration,
    estimated_tokens,
    money,
    short_count,
    short_model,
    token_count,
    token_split,
    tokens_per_second,
)
from stepchat.transcript.markdown.blocks import Block, MetaLine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from stepchat.messages import AssistantMessage, Attachment, Usage
    from stepchat.parameters.budget import ThinkingBudget

NoticeKind: TypeAlias = Literal["error", "refused", "warning", "info"]
"""`refused` explains why a command was not carried out."""
FillKeys: TypeAlias = "Callable[[str], str]"
"""Replaces `{key:retry}` in a text by the key in force."""
FOLDED: Final = "▸"
UNFOLDED: Final = "▾"
_SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_STILL: Final = "…"
_MARKS: Final[Mapping[str, str]] = {"error": "✗ ", "refused": "✗ ", "warning": "! "}
"""At the left edge of a notice, so that its kind shows without colour."""
_BAR: Final = 10
_FULL: Final = "━"
_LEFT: Final = "╌"
_SHORTEST_REASONING: Final = 0.05
"""Seconds below which a reasoning time is not shown."""
_SHORTEST_WAIT: Final = 0.05
"""Seconds to the first token below which they are not shown."""
_LONGEST_ARGUMENTS: Final = 2000
"""Characters of a tool call's arguments that are shown."""
_CALL_LINES: Final = 8
"""Lines of a call's arguments that are shown."""
_WRAPPED_ARGUMENTS: Final = 200
"""Arguments of fewer characters wrap, longer ones are cut at the end of the row."""


def line(*parts: tuple[str, str], gap: int = 1, wraps: bool = False) -> Block:
    """A line of texts, each with the name of its style in the palette."""
    return Block("meta", gap=gap, group=MetaLine(parts, wraps))


def attachment_line(attachment: Attachment) -> Block:
    """A file below the question that it was sent with."""
    return line((f"@ {attachment.name}", "text"), (f" · {describe(attachment)}", "dim"), gap=0)


def spinner(frame: int | None) -> str:
    """A still mark without a frame."""
    return _STILL if frame is None else _SPINNER[frame % len(_SPINNER)]


def waiting_line(text: str, seconds: float, frame: int | None) -> Block:
    """The line of an answer that has not started to arrive."""
    facts = [text or "waiting", *([duration(seconds)] if seconds >= 1 else [])]
    return line((spinner(frame) + " ", "accent"), (" · ".join(facts), "dim"))


def live_reasoning_header(mark: str, seconds: float, characters: int, limit: ThinkingBudget | None = None) -> Block:
    """The header of reasoning that is still arriving, with a bar if it is limited."""
    facts = [duration(seconds), estimated_tokens(characters)] if seconds >= 1 else []
    if limit is not None:
        full = min(_BAR, int(_BAR * limit.share(seconds, characters // CHARACTERS_PER_TOKEN)))
        facts.append(f"{_FULL * full}{_LEFT * (_BAR - full)} of {limit}")
    return _header(mark, "Thinking", facts)


def reasoning_header(mark: str, seconds: float | None, tokens: str, returned: str = "") -> Block:
    """The header of complete reasoning; `returned` says what later requests did with it."""
    title = f"Thought for {duration(seconds)}" if seconds and seconds >= _SHORTEST_REASONING else "Thought"
    return _header(mark, title, [tokens, returned])


def hidden_reasoning_header(facts: Sequence[str]) -> Block:
    """The header in place of reasoning that the provider does not show."""
    return _header("", "Reasoning hidden by the provider", facts)


def _header(mark: str, title: str, facts: Sequence[str]) -> Block:
    rest = "".join(f" · {fact}" for fact in facts if fact)
    return line((f"{mark} {title}" if mark else title, "reasoning"), (rest, "dim"))


def retry_hint(message: AssistantMessage, fill_keys: FillKeys) -> list[Block]:
    """Below an incomplete answer: what is saved, and what to do next."""
    if message.stop == "length":
        return [line((fill_keys(_limit_hint(message)), "text"), gap=0, wraps=True)]
    advice = message.error.hint if message.error else ""
    keys = "{key:continue} continue · {key:retry} retry" if message.text else "{key:retry} retry"
    saved = "" if "saved" in advice or "kept" in advice else _saved(message)
    text = " ".join(part for part in (saved, advice, keys) if part)
    return [line((fill_keys(text), "text"), gap=0, wraps=True)]


def _saved(message: AssistantMessage) -> str:
    if message.text:
        return "The partial answer is saved."
    return "The reasoning is saved." if message.reasoning else "Your question is saved."


def _limit_hint(message: AssistantMessage) -> str:
    """After the token limit was reached: where the tokens went, and the ways on."""
    reasoning, total = message.usage.reasoning_tokens, message.usage.completion_tokens
    spent = (
        f"{reasoning:,} of {total:,} tokens went into reasoning. " if reasoning and total and reasoning <= total else ""
    )
    if message.text:
        return f"{spent}{{key:continue}} continue · {{key:more}} retry with a higher limit"
    return (
        f"The reasoning used up the token limit; it is saved. {spent}"
        "{key:more} retry with a higher limit · {key:continue} answer from this reasoning · {key:retry} retry"
    )


def no_answer(message: AssistantMessage, fill_keys: FillKeys) -> Block:
    """In place of the text of an answer that finished without any."""
    if message.reasoning:
        text = "No answer after the reasoning. {key:continue} answer from this reasoning · {key:retry} retry"
    else:
        text = "The answer is empty. {key:retry} retry"
    return line((fill_keys(text), "warning"), wraps=True)


def ending_lines(message: AssistantMessage) -> list[Block]:
    """Why an answer is not complete; nothing if the model finished on its own."""
    label = message.ending_label
    if not label:
        return []
    role = "error" if message.stop == "error" else "warning"
    mark = _MARKS["error"] if role == "error" else ""
    return [line((f"■ {label}" if message.stop in {"cancelled", "answer_now"} else mark + label, role), wraps=True)]


def footer(message: AssistantMessage, *, gap: int = 1, estimate: Decimal | None = None) -> Block | None:
    """Model, provider, tokens, times and cost, as far as they are known; `estimate` stands in for an unknown cost."""
    usage, timing = message.usage, message.timing
    first = speed = cost = ""
    if usage.cost is not None:
        cost = money(usage.cost)
    elif estimate:
        cost = f"~{money(estimate)}"
    if timing.first_token_seconds is not None:
        if timing.first_token_seconds >= _SHORTEST_WAIT:
            first = f"first token {timing.first_token_seconds:.1f} s"
        speed = speed_of(message)
    tokens, _, unit = token_split(usage.completion_tokens, usage.reasoning_tokens).rpartition(" ")
    known = [
        (separator + fact, need)
        for separator, fact, need in (
            (" · ", short_model(message.model or message.model_asked), 6),
            (" · ", message.provider, 3),
            (" · ", tokens, 5),
            (" ", unit, 0),
            (" · ", first, 1),
            (" · ", speed, 2),
            (" · ", cost, 4),
        )
        if fact
    ]
    if not known:
        return None
    parts = [(fact if index else fact.removeprefix(" · "), "dim") for index, (fact, _) in enumerate(known)]
    return Block("meta", gap=gap, group=MetaLine(tuple(parts), needs=tuple(need for _, need in known)))


def turn_total(usages: Sequence[Usage]) -> Block:
    """What all requests of a turn took together."""
    total = total_usage(usages)
    facts = [f"{total['requests']} requests in all"]
    facts += [money(total["cost"])] if total["cost"] is not None else []
    facts += [f"{short_count(total['prompt_tokens'])} in"] if total["prompt_tokens"] else []
    facts += [token_split(total["completion_tokens"] or None, total["reasoning_tokens"])]
    return line((" · ".join(fact for fact in facts if fact), "dim"), gap=0, wraps=True)


def speed_of(message: AssistantMessage) -> str:
    """`111 tok/s`, or "" if the speed is unknown."""
    return "" if message.speed is None else tokens_per_second(message.speed)


def tool_call(name: str, arguments: str) -> list[Block]:
    """A call with its arguments: in one line if they are short, otherwise one by one, and the first lines of these."""
    shown = " ".join(arguments.split())
    values = _as_object(arguments) if len(shown) >= _WRAPPED_ARGUMENTS or "\\n" in shown else None
    if values is None:
        text = (shown[:_LONGEST_ARGUMENTS], "dim")
        return [line((f"→ {name or 'a tool'} ", "accent"), text, wraps=len(shown) < _WRAPPED_ARGUMENTS)]
    lines: list[str] = []
    for key, value in values.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        first, *rest = text.split("\n")
        lines += [f"  {key}: {first}", *(f"    {more}" for more in rest)]
    more = [f"  … {len(lines) - _CALL_LINES:,} more lines"] if len(lines) > _CALL_LINES else []
    head = line((f"→ {name or 'a tool'}", "accent"))
    return [head, *(line((text[:_LONGEST_ARGUMENTS], "dim"), gap=0) for text in [*lines[:_CALL_LINES], *more])]


def live_tool_call(name: str, arguments: str, characters: int) -> Block:
    """A call that is still arriving: the end of its arguments, of which there are `characters` so far."""
    shown = " ".join(arguments.split())
    size = f" {characters:,} characters" if characters > len(arguments) else ""
    return line((f"→ {name or 'a tool'} ", "accent"), (f"{'…' if size else ''}{shown}{size}", "dim"))


def _as_object(arguments: str) -> dict[str, Any] | None:
    try:
        value: Any = json.loads(arguments)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def notice(text: str, hint: str, kind: NoticeKind) -> list[Block]:
    """One line with what happened, one with what to do."""
    role = {"error": "error", "refused": "error", "warning": "warning", "info": "dim"}[kind]
    blocks = [line((_MARKS.get(kind, "") + text, role), wraps=True)]
    if hint:
        blocks.append(line((hint, "text"), gap=0, wraps=True))
    return blocks


def reasoning_tokens(message: AssistantMessage) -> str:
    """The size of the reasoning: counted by the server, otherwise estimated."""
    return counted_reasoning_tokens(message) or estimated_tokens(len(message.reasoning))


def counted_reasoning_tokens(message: AssistantMessage) -> str:
    count = message.usage.reasoning_tokens
    return token_count(count) if count else ""
