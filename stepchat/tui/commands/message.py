"""Commands that go from message to message and act on one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.chat.branches import show_leaf
from stepchat.errors import StepchatError
from stepchat.messages import UserMessage
from stepchat.tui.commands import compare as comparing
from stepchat.tui.commands import message_menu
from stepchat.tui.commands.command import Command
from stepchat.tui.commands.compare import has_siblings

if TYPE_CHECKING:
    from stepchat.tui.commands.command import Chat


async def focus_up(chat: Chat, _argument: str) -> None:
    message_menu.focus(chat, -1)


async def focus_down(chat: Chat, _argument: str) -> None:
    message_menu.focus(chat, 1)


async def message_up(chat: Chat, _argument: str) -> None:
    chat.view.go_to_message(-1)


async def message_down(chat: Chat, _argument: str) -> None:
    chat.view.go_to_message(1)


async def edit(chat: Chat, _argument: str) -> None:
    part = chat.view.overlays.focus.message
    chosen = part.stored if part is not None else None
    questions = [stored for stored in chat.conversation.path if isinstance(stored.message, UserMessage)]
    if chosen is not None and isinstance(chosen.message, UserMessage):
        chat.editing.begin(chosen)
    elif questions:
        chat.editing.begin(questions[-1])
    else:
        chat.tell("There is no question to edit yet.")


async def fork(chat: Chat, _argument: str) -> None:
    part = chat.view.overlays.focus.message
    path = chat.conversation.path
    chosen = part.stored if part is not None and part.stored is not None else path[-1] if path else None
    if chosen is None:
        raise StepchatError("There is nothing to fork yet.", "Ask something first.")
    await message_menu.fork(chat, chosen)


async def compare(chat: Chat, _argument: str) -> None:
    part = chat.view.overlays.focus.message
    chosen = part.stored if part is not None else None
    answers = [stored for stored in reversed(chat.conversation.path) if has_siblings(chat, stored)]
    stored = chosen if chosen is not None and has_siblings(chat, chosen) else answers[0] if answers else None
    if stored is None:
        chat.tell("There is no second answer to compare with; Ctrl+R asks for one.")
    else:
        await comparing.compare(chat, stored)


async def tree(chat: Chat, _argument: str) -> None:
    # Its screen is not needed by the first frame.
    from stepchat.tui.dialogs.tree import TreeScreen

    session, store = chat.conversation.session, chat.workspace.store
    if session is None:
        raise StepchatError("This session has not begun yet.", "Ask something first.")
    messages = await store.messages(session.id)
    part, path = chat.view.overlays.focus.message, chat.conversation.path
    at = part.stored.id if part is not None and part.stored is not None else None
    chosen = await chat.app.push_screen_wait(TreeScreen(messages, path[-1].id if path else None, at))
    if chosen is None or message_menu.is_busy(chat):
        return
    if chosen.action == "fork":
        stored = next(stored for stored in messages if stored.id == chosen.message_id)
        await message_menu.fork(chat, stored)
    else:
        await show_leaf(chat.conversation, await store.deepest_leaf(chosen.message_id), chosen.message_id)
        message_menu.take_keys(chat)


COMMANDS: tuple[Command, ...] = (
    Command("focus-up", "Put the message above in focus; then single keys act on it", focus_up, "alt+up"),
    Command("focus-down", "Put the message below in focus; after the last comes the prompt", focus_down, "alt+down"),
    Command("edit", "Ask a question in other words: the one in focus, or the last", edit, "alt+q"),
    Command("fork", "Go on in a new session from the message in focus, or from the end", fork),
    Command("tree", "Show all branches of the session, and go to one", tree, "f5"),
    Command("compare", "Two answers in the same place beside each other", compare),
    Command("message-up", "Scroll to the message above", message_up, "ctrl+up"),
    Command("message-down", "Scroll to the message below", message_down, "ctrl+down"),
)
