"""The program's own lines in the transcript: headers, foot, marks and notices, in words."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from stepchat.text.format import short_count
from stepchat.transcript.markdown.blocks import Block, MetaLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.messages import AssistantMessage

NoticeKind: TypeAlias = Literal["error", "refused", "warning", "info"]
"""`refused` says why a command was not done."""
SMALLEST: Final = Decimal("0.0000001")
"""USD; the price of one token of the cheapest models."""
CLOSED: Final = "▸"
OPENED: Final = "▾"
_SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_LETTERS_PER_TOKEN: Final = 4
_MARKS: Final = {
    "cancelled": ("■ stopped", "warning"),
    "cut": ("cut: stepchat was ended before the answer was", "warning"),
    "length": ("cut: the limit on the length of the answer was reached", "warning"),
    "content_filter": ("cut: the provider's content filter ended the answer", "warning"),
}


def line(*parts: tuple[str, str], gap: int = 1, wraps: bool = False) -> Block:
    """A line of texts, each with its role in the palette."""
    return Block("meta", gap=gap, group=MetaLine(parts, wraps))


def spinner(frame: int) -> str:
    return _SPINNER[frame % len(_SPINNER)]


def waiting_line(words: str, seconds: float, frame: int) -> Block:
    """Before anything arrived."""
    facts = [words or "waiting", *([duration(seconds)] if seconds >= 1 else [])]
    return line((spinner(frame) + " ", "accent"), (" · ".join(facts), "dim"))


def live_reasoning_header(mark: str, seconds: float, letters: int) -> Block:
    """Above reasoning that still comes."""
    return _header(mark, "Thinking", [duration(seconds), estimated_tokens(letters)] if seconds >= 1 else [])


def reasoning_header(mark: str, seconds: float | None, tokens: str, returned: str = "") -> Block:
    """Above reasoning that is complete; `returned` says what later requests did with it."""
    title = f"Thought for {duration(seconds)}" if seconds and seconds >= 0.05 else "Thought"
    return _header(mark, title, [tokens, returned])


def hidden_reasoning_header(words: str, facts: Sequence[str]) -> Block:
    """Instead of reasoning that the provider does not show."""
    return _header("", words, facts)


def _header(mark: str, title: str, facts: Sequence[str]) -> Block:
    rest = "".join(f" · {fact}" for fact in facts if fact)
    return line((f"{mark} {title}" if mark else title, "reasoning"), (rest, "dim"))


def retry_hint(message: AssistantMessage) -> list[Block]:
    """Below an answer that is not whole: what was kept, what can be done, and by which keys."""
    if message.stop == "length":
        return [line((_rescue(message), "text"), gap=0, wraps=True)]
    advice = message.error.hint if message.error else ""
    kept = "What came is kept." if message.text or message.reasoning else "The question is kept."
    keys = "Alt+G goes on from there, Ctrl+R asks again." if message.text else "Ctrl+R asks again."
    words = " ".join(part for part in ("" if "kept" in advice else kept, advice, keys) if part)
    return [line((words, "text"), gap=0, wraps=True)]


def _rescue(message: AssistantMessage) -> str:
    """After the limit was met: where it went, and the ways out."""
    thought, all_ = message.usage.reasoning_tokens, message.usage.completion_tokens
    went = f"{thought:,} of {all_:,} tokens went into thinking. " if thought and all_ and thought <= all_ else ""
    if message.text:
        return f"{went}Alt+G goes on from there, Alt+M asks again with a larger limit."
    return (
        f"The thinking used up the limit; what came is kept. {went}Alt+M asks again with a larger limit, "
        "Alt+G for an answer from these thoughts; Ctrl+R asks again."
    )


def no_answer(message: AssistantMessage) -> Block:
    """Of one that ended as if it were whole."""
    if message.reasoning:
        words = "No answer came after the thinking. Alt+G asks for it from these thoughts, Ctrl+R asks again."
    else:
        words = "No answer came. Ctrl+R asks again."
    return line((words, "warning"), wraps=True)


def ending_label(message: AssistantMessage) -> list[Block]:
    """How the answer ended, if not as the model meant it to."""
    if message.stop == "error":
        words = message.error.message if message.error else "the server ended the answer with an error"
        return [line((words, "error"), wraps=True)]
    found = _MARKS.get(message.stop)
    if found is None:
        return []
    if message.stop == "cut" and message.error is not None and message.error.message:
        return [line((message.error.message, "warning"), wraps=True)]
    return [line(found, wraps=True)]


def footer(message: AssistantMessage, *, gap: int = 1, estimate: Decimal | None = None) -> Block | None:
    """Model, provider, tokens, times, cost: each only if it is known. `estimate` is of a cost that was not told."""
    usage, timing = message.usage, message.timing
    first = speed = cost = ""
    if usage.cost is not None:
        cost = money(usage.cost)
    elif estimate:
        cost = f"~{money(estimate)}"
    if timing.first_token_seconds is not None:
        first = f"{timing.first_token_seconds:.1f} s to first"
        speed = speed_of(message)
    known = [
        (fact, need)
        for fact, need in (
            (short_model(message.model or message.model_asked), 5),
            (message.provider, 2),
            (_tokens_said(message), 4),
            (first, 0),
            (speed, 1),
            (cost, 3),
        )
        if fact
    ]
    if not known:
        return None
    parts = [(fact if not place else f" · {fact}", "dim") for place, (fact, _) in enumerate(known)]
    return Block("meta", gap=gap, group=MetaLine(tuple(parts), needs=tuple(need for _, need in known)))


def speed_of(message: AssistantMessage) -> str:
    return "" if message.speed is None else f"{message.speed:,.0f} tok/s"


def _tokens_said(message: AssistantMessage) -> str:
    total, reasoning = message.usage.completion_tokens, message.usage.reasoning_tokens
    if total is None:
        return ""
    if not reasoning:
        return f"{short_count(total)} said"
    return f"{short_count(reasoning)} thought + {short_count(max(0, total - reasoning))} said"


def tool_call(name: str, arguments: str) -> Block:
    shown = " ".join(arguments.split())
    return line((f"→ {name or 'a tool'} ", "accent"), (shown[:2000], "dim"), wraps=len(shown) < 200)


def notice(text: str, hint: str, kind: NoticeKind) -> list[Block]:
    """One line with what happened, one with what to do."""
    role = {"error": "error", "refused": "error", "warning": "warning", "info": "dim"}[kind]
    blocks = [line((text, role), wraps=True)]
    if hint:
        blocks.append(line((hint, "text"), gap=0, wraps=True))
    return blocks


def tokens_of(message: AssistantMessage) -> str:
    """The size of the reasoning, measured if the server told it."""
    return measured_tokens(message) or estimated_tokens(len(message.reasoning))


def measured_tokens(message: AssistantMessage) -> str:
    count = message.usage.reasoning_tokens
    return count_of_tokens(count) if count else ""


def estimated_tokens(letters: int) -> str:
    return f"~{count_of_tokens(max(1, round(letters / _LETTERS_PER_TOKEN)))}" if letters else ""


def count_of_tokens(count: int) -> str:
    return f"{count:,} token{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def date(time: float) -> str:
    """A Unix time in the zone of this machine; "-" for what is none."""
    try:
        return datetime.fromtimestamp(time).astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return "-"


def money(cost: Decimal) -> str:
    """In dollars, with two digits that mean something even for fractions of a cent."""
    if not cost:
        return "$0"
    if abs(cost) < SMALLEST:
        return f"<${SMALLEST:f}"
    places = 2 if abs(cost) >= 1 else max(2, 1 - cost.adjusted())
    return f"{'-' if cost < 0 else ''}${abs(cost):,.{places}f}"


def short_model(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2] or name
