"""A session's tree as lines, in which only branches that leave the main line are indented."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stepchat.messages import AssistantMessage, ToolMessage, UserMessage, valid_time
from stepchat.sessions.titles import without_markdown
from stepchat.text.sanitize import sanitize
from stepchat.transcript.labels import short_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stepchat.messages import StoredMessage

_DEEPEST: Final = 8
"""No line is indented further, however often it branches."""
_LONGEST: Final = 400
"""Of a message so many characters are looked at for its first words."""
MARKS: Final = {"question": "❯", "answer": "·", "tool": "←"}


@dataclass(frozen=True, slots=True)
class TreeLine:
    """One message in the tree."""

    stored: StoredMessage
    guide: str
    """What stands left of it: the lines of the branches it is on."""
    shown: bool
    """It is on the branch that is shown."""
    when: float
    siblings: tuple[str, ...]
    """The ids of all messages in its place, itself too."""

    @property
    def mark(self) -> str:
        match self.stored.message:
            case UserMessage():
                return MARKS["question"]
            case AssistantMessage():
                return MARKS["answer"]
            case ToolMessage():
                return MARKS["tool"]

    @property
    def words(self) -> str:
        """How the message begins, in one line."""
        return first_words(self.stored)

    @property
    def model(self) -> str:
        message = self.stored.message
        if not isinstance(message, AssistantMessage):
            return ""
        return sanitize(short_model(message.model or message.model_asked), keep_newlines=False)


def first_words(stored: StoredMessage) -> str:
    message = stored.message
    text = message.text
    if isinstance(message, AssistantMessage) and not text:
        calls = ", ".join(call.name for call in message.tool_calls)
        text = message.refusal or (f"→ {calls}" if calls else "") or f"({message.stop}) {message.reasoning[:_LONGEST]}"
    return " ".join(sanitize(without_markdown(text[:_LONGEST]), keep_newlines=False).split())


def tree_lines(messages: Sequence[StoredMessage], leaf: str | None) -> list[TreeLine]:
    """All messages, which come in the order of creation. Side branches stand before what goes on beside them."""
    children: dict[str | None, list[StoredMessage]] = defaultdict(list)
    for stored in messages:
        children[stored.parent].append(stored)
    shown = _branch(messages, leaf)
    lines: list[TreeLine] = []
    # The next line to come is the last one here.
    waiting: list[tuple[StoredMessage, int, bool, tuple[str, ...], float]] = []

    def put(group: list[StoredMessage], depth: int, when: float) -> None:
        if group:
            main = next((stored for stored in group if stored.id in shown), group[-1])
            ids = tuple(stored.id for stored in group)
            waiting.append((main, depth, False, ids, when))
            waiting.extend((stored, depth + 1, True, ids, when) for stored in reversed(group) if stored is not main)

    put(children[None], 0, 0.0)
    while waiting:
        stored, depth, begins, ids, before = waiting.pop()
        when = _time(stored) or before
        lines.append(TreeLine(stored, _guide(depth, begins=begins), stored.id in shown, when, ids))
        put(children[stored.id], depth, when)
    return lines


def leaves(messages: Iterable[StoredMessage]) -> int:
    """How many ends the tree has."""
    known = list(messages)
    parents = {stored.parent for stored in known}
    return sum(stored.id not in parents for stored in known)


def matching(lines: Sequence[TreeLine], wanted: str) -> list[TreeLine]:
    """Those in which all words occur."""
    words = wanted.casefold().split()
    return [line for line in lines if all(word in line.stored.message.text.casefold() for word in words)]


def _branch(messages: Sequence[StoredMessage], leaf: str | None) -> set[str]:
    parents = {stored.id: stored.parent for stored in messages}
    found: set[str] = set()
    while leaf is not None and leaf in parents and leaf not in found:
        found.add(leaf)
        leaf = parents[leaf]
    return found


def _guide(depth: int, *, begins: bool) -> str:
    if not depth:
        return ""
    return "│  " * (min(depth, _DEEPEST) - 1) + ("├─ " if begins else "│  ")


def _time(stored: StoredMessage) -> float:
    match stored.message:
        case UserMessage(time=time):
            return valid_time(time) or 0.0
        case AssistantMessage(timing=timing):
            return valid_time(timing.started) or 0.0
        case ToolMessage():
            return 0.0
