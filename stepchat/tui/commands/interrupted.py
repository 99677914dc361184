"""Commands for an answer that is not whole."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

from stepchat.chat.interrupted import GO_ON, describe_others, name, open_interrupted, shown_interrupted
from stepchat.errors import UsageError
from stepchat.messages import AssistantMessage
from stepchat.servers.wire import is_reasoning_only
from stepchat.tui.chat import context_window, notices
from stepchat.tui.commands.command import Command
from stepchat.tui.dialogs.pick import Choice, Picker
from stepchat.tui.dialogs.session_list import age

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.tui.commands.command import Chat


async def go_on(chat: Chat, _argument: str) -> None:
    """From the partial answer; from the question when nothing of an answer came; in an empty session: where it was cut."""
    conversation = chat.conversation
    last = conversation.path[-1].message if conversation.path else None
    if conversation.busy:
        chat.tell("It is still answering; Esc stops it.")
    elif last is None:
        if cuts := await chat.workspace.store.interrupted_answers():
            await open_interrupted(chat, cuts[0])
        else:
            chat.tell("There is nothing to go on with.")
    elif not isinstance(last, AssistantMessage):
        context_window.ask(chat, None)
    elif last.complete and is_reasoning_only(last):
        # The same thinking might end in the same place: the answer from what there is.
        context_window.ask(chat, None, conversation.path)
    elif last.complete and last.stop != "length" and (last.text or last.tool_calls or last.refusal):
        chat.tell("The last answer is whole.")
    else:
        context_window.ask(chat, GO_ON if last.text else None, is_typed=False)


async def interrupted(chat: Chat, _argument: str) -> None:
    cuts, now = await chat.workspace.store.interrupted_answers(), time()
    rows = [
        Choice(cut.answer, name(cut), (age(cut.started, now),), f"{cut.characters:,} characters had come")
        for cut in cuts
    ]
    nothing = "No answer was cut, or all were gone on with, asked again or kept."
    chosen = await chat.app.push_screen_wait(
        Picker("Answers that were cut when stepchat ended", rows, empty_text=nothing)
    )
    for cut in cuts:
        if cut.answer == chosen:
            await open_interrupted(chat, cut)


async def keep(chat: Chat, argument: str) -> None:
    """The one at the end of what is shown, or all: they are not told of again."""
    if argument not in {"", "all"}:
        raise UsageError(f"There is no {argument!r} to keep.", "Either the answer that is shown, or: /keep all")
    store = chat.workspace.store
    cuts = await store.interrupted_answers()
    here = shown_interrupted(chat, cuts)
    chosen = cuts if argument else [here] if here is not None else []
    await store.dismiss_interrupted([cut.answer for cut in chosen])
    more = describe_others([cut for cut in cuts if cut not in chosen], too=True)
    if chosen:
        notices.say(chat, "Kept as it is." if len(chosen) == 1 else f"All {len(chosen)} are kept as they are.", more)
    else:
        chat.tell(f"No answer to decide about is shown here. {more}".strip())


def _keeping(_chat: Chat) -> Sequence[tuple[str, str]]:
    return [("all", "every answer that was cut")]


COMMANDS: tuple[Command, ...] = (
    Command("continue", "Go on where the answer was cut", go_on, "alt+g"),
    Command("keep", "Leave an answer that was cut as it is, and be told no more", keep, "alt+o", "[all]", _keeping),
    Command("interrupted", "List the answers that were cut when stepchat ended", interrupted, "alt+i"),
)
