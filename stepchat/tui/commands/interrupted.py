"""Commands for an answer that is not whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.messages import AssistantMessage
from stepchat.servers.wire import only_thought
from stepchat.tui import room
from stepchat.tui.commands.row import Command
from stepchat.tui.interrupted import GO_ON, cut_off

if TYPE_CHECKING:
    from stepchat.tui.commands.row import Chat


async def go_on(chat: Chat, _argument: str) -> None:
    """From the partial answer; from the question when nothing of an answer came; in an empty session: where it was cut."""
    conversation = chat.conversation
    last = conversation.path[-1].message if conversation.path else None
    if conversation.busy:
        chat.tell("It is still answering; Esc stops it.")
    elif last is None:
        session = await cut_off(chat.workspace.store)
        if session is None:
            chat.tell("There is nothing to go on with.")
        else:
            await chat.open(session)
    elif not isinstance(last, AssistantMessage):
        room.ask(chat, None)
    elif last.complete and last.stop != "length":
        chat.tell("The last answer is whole.")
    elif last.stop == "length" and only_thought(last):
        # The same thinking would meet the same limit: the answer from what there is.
        room.ask(chat, None, conversation.path)
    else:
        room.ask(chat, GO_ON if last.text else None, is_typed=False)


COMMANDS: tuple[Command, ...] = (Command("continue", "Go on where the answer was cut", go_on, "alt+g"),)
