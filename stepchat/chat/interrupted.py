"""Answers that were interrupted when stepchat exited: how they are described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.messages import AssistantMessage
from stepchat.text.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.messages import Message, StoredMessage
    from stepchat.sessions.recovery import InterruptedAnswer

CONTINUE: Final = "Continue exactly where your answer stopped."
_NAMED: Final = 2
_TITLE: Final = 40


def interrupted_at_end(path: Sequence[StoredMessage], answers: Sequence[InterruptedAnswer]) -> InterruptedAnswer | None:
    """The interrupted answer at the end of this branch."""
    return next((interrupted for interrupted in answers if path and interrupted.answer == path[-1].id), None)


def describe_kept(message: Message) -> str:
    """What is saved of an interrupted answer, and what the user can do."""
    if message.text:
        return "The partial answer is saved: {key:continue} continues, {key:retry} retries, {key:keep} dismisses this"
    reasoned = isinstance(message, AssistantMessage) and message.reasoning
    return f"{'The reasoning is' if reasoned else 'The question is'} saved: {{key:retry}} retries, {{key:keep}} dismisses this"


def describe(answers: Sequence[InterruptedAnswer], *, also: bool = False) -> str:
    """A sentence that names these answers. With `also`, they are further ones."""
    names = ", ".join(name(interrupted) for interrupted in answers[:_NAMED])
    more = f" and {len(answers) - _NAMED} more" if len(answers) > _NAMED else ""
    if len(answers) == 1:
        which = "Another answer was interrupted" if also else "An answer was interrupted when stepchat exited"
    else:
        which = f"{len(answers)} {'other answers were interrupted' if also else 'answers were interrupted when stepchat exited'}"
    return f"{which}: {names}{more}."


def describe_others(answers: Sequence[InterruptedAnswer], *, also: bool) -> str:
    """A sentence that names these answers and the key that lists them; "" if there are none."""
    return (
        f"{describe(answers, also=also)} {{key:interrupted}} shows {'it' if len(answers) == 1 else 'them'}."
        if answers
        else ""
    )


def name(interrupted: InterruptedAnswer) -> str:
    """The title of its session, in quotes."""
    title = sanitize(interrupted.title, keep_newlines=False) or "untitled"
    return f"“{title if len(title) <= _TITLE else title[: _TITLE - 1] + '…'}”"
