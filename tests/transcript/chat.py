"""Messages and answers for tests of the page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stepchat.events import Delta
from stepchat.messages import AssistantMessage, StoredMessage, Timing, ToolMessage, Usage, UserMessage
from stepchat.transcript.document import Document
from stepchat.transcript.markdown.inline import USUAL, Display
from stepchat.transcript.palette import colourless
from stepchat.transcript.viewport import Viewport
from tests.transcript.forms import lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepchat.messages import Message

USAGE = Usage({"completion_tokens": 1514, "completion_tokens_details": {"reasoning_tokens": 1204}, "cost": 0.00045})
TIMING = Timing(started=1.0, first_reasoning=0.4, first_text=12.4, ended=14.0)


def stored(message: Message, identity: str = "m", *, folded: bool | None = None) -> StoredMessage:
    return StoredMessage(identity, "s", None, message, folded)


def asked(text: str = "How many primes are there?") -> StoredMessage:
    return stored(UserMessage(text), "u")


def answered(text: str = "", reasoning: str = "", *, folded: bool | None = None, **facts: Any) -> StoredMessage:
    known = {"model": "stepfun/step-3.5-flash", "provider": "StepFun", "usage": USAGE, "timing": TIMING, **facts}
    return stored(AssistantMessage(text=text, reasoning=reasoning, **known), "a", folded=folded)


def tool(text: str, *, is_error: bool = False) -> StoredMessage:
    return stored(ToolMessage("c", "get_time", text, is_error), "t")


KEYS = {"continue": "Alt+G", "retry": "Alt+R", "more": "Alt+M", "end": "Ctrl+End"}


def _with_keys(text: str) -> str:
    return re.sub(r"\{key:([a-z]+)\}", lambda key: KEYS[key[1]], text)


def page(*messages: StoredMessage, width: int = 60, height: int = 20, display: Display = USUAL) -> Viewport:
    document = Document(colourless(), width, _with_keys, display=display)
    viewport = Viewport(document, height)
    document.show(messages)
    viewport.to_end()
    return viewport


def shown(viewport: Viewport) -> list[str]:
    return lines(viewport.render())


def everything(viewport: Viewport) -> list[str]:
    """All rows of the page."""
    return [line for _, _, rows in viewport.document.forward(0, 0) for line in lines(rows)]


def stream(viewport: Viewport, deltas: Iterable[Delta], *, begin: float = 0.0, step: float = 0.05) -> float:
    """Feed deltas, each with a frame; returns the time at the end."""
    now = begin
    if viewport.document.live is None:
        viewport.document.begin_answer(now, "waiting for step-3.5-flash")
        viewport.update_live(now, 0)
        viewport.render()
    for delta in deltas:
        now += step
        viewport.document.feed(delta, now)
        viewport.update_live(now, 0)
        viewport.render()
    return now


def thoughts(text: str, size: int = 7) -> list[Delta]:
    return [Delta(reasoning=text[at : at + size]) for at in range(0, len(text), size)]


def words(text: str, size: int = 7) -> list[Delta]:
    return [Delta(text=text[at : at + size]) for at in range(0, len(text), size)]
