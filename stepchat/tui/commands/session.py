"""Commands about the session as a whole: its title, its branches, forking, deleting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.chat.branches import show_leaf
from stepchat.errors import StepchatError
from stepchat.tui.commands.command import Command
from stepchat.tui.terminal.title import show_title

if TYPE_CHECKING:
    from stepchat.sessions.records import Session
    from stepchat.tui.commands.command import Chat


def _begun(chat: Chat) -> Session:
    session = chat.conversation.session
    if session is None:
        raise StepchatError("This session has not begun yet.", "Ask something first.")
    return session


def _at_rest(chat: Chat) -> Session:
    session = _begun(chat)
    if chat.conversation.busy:
        raise StepchatError("It is still answering.", "Esc stops it.")
    return session


async def title(chat: Chat, argument: str) -> None:
    session = _begun(chat)
    kept = await chat.workspace.store.set_title(session.id, argument)
    show_title(chat)
    chat.tell(f"Title: {kept}" if argument else f"The title follows the first question again: {kept}")


async def undo(chat: Chat, _argument: str) -> None:
    _at_rest(chat)
    if last := chat.conversation.path_to_question():
        await show_leaf(chat.conversation, last[-1].parent)
        chat.tell("The last exchange is put aside; Alt+Y brings it back.")
    else:
        chat.tell("There is nothing to undo.")


async def redo(chat: Chat, _argument: str) -> None:
    session = _at_rest(chat)
    path = chat.conversation.path
    end = await chat.workspace.store.exchange_after(session.id, path[-1].id if path else None)
    if end is not None:
        await show_leaf(chat.conversation, end)
        chat.tell("")
        chat.view.scroll_to_end()
    else:
        chat.tell("There is nothing to redo.")


async def delete(chat: Chat, _argument: str) -> None:
    session = _at_rest(chat)
    await chat.workspace.store.delete([session.id])
    await chat.open(None)
    chat.view.notice(
        "The session was deleted.", f"For 30 days this brings it back: stepchat sessions delete --undo {session.id}",
        kind="info",
    )  # fmt: skip


COMMANDS: tuple[Command, ...] = (
    Command("undo", "Put the last exchange aside", undo, "alt+z"),
    Command("redo", "Bring it back", redo, "alt+y"),
    Command("title", "Name the session", title, None, "[TEXT]"),
    Command("delete", "Delete the session", delete),
)
