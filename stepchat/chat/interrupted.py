"""Answers that were interrupted when stepchat exited: how they are described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.messages import AssistantMessage
from stepchat.text.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.messages import Message, StoredMessage
    from stepchat.sessions.recovery import InterruptedAnswer

CONTINUE: Final = "Go on exactly where your answer stopped."
_NAMED: Final = 2
_TITLE: Final = 40


def shown_interrupted(path: Sequence[StoredMessage], cuts: Sequence[InterruptedAnswer]) -> InterruptedAnswer | None:
    """The interrupted answer at the end of this branch."""
    return next((cut for cut in cuts if path and cut.answer == path[-1].id), None)


def describe_kept(message: Message) -> str:
    """What is saved of an interrupted answer, and what the user can do."""
    if message.text:
        return "The partial answer is saved: {key:continue} continues, {key:retry} retries, {key:keep} dismisses this"
    reasoned = isinstance(message, AssistantMessage) and message.reasoning
    return f"{'The reasoning is' if reasoned else 'The question is'} saved: {{key:retry}} retries, {{key:keep}} dismisses this"


def describe(cuts: Sequence[InterruptedAnswer], *, also: bool = False) -> str:
    """One sentence that names them."""
    names = ", ".join(name(cut) for cut in cuts[:_NAMED])
    more = f" and {len(cuts) - _NAMED} more" if len(cuts) > _NAMED else ""
    if len(cuts) == 1:
        which = "Another answer was interrupted" if also else "An answer was interrupted when stepchat exited"
    else:
        which = f"{len(cuts)} {'other answers were interrupted' if also else 'answers were interrupted when stepchat exited'}"
    return f"{which}: {names}{more}."


def describe_others(cuts: Sequence[InterruptedAnswer], *, also: bool) -> str:
    """The same, with the key that lists them; "" when there are none."""
    return (
        f"{describe(cuts, also=also)} {{key:interrupted}} shows {'it' if len(cuts) == 1 else 'them'}." if cuts else ""
    )


def name(cut: InterruptedAnswer) -> str:
    """The title of its session, in quotes."""
    title = sanitize(cut.title, keep_newlines=False) or "untitled"
    return f"“{title if len(title) <= _TITLE else title[: _TITLE - 1] + '…'}”"
