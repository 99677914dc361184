"""Commands about the conversation: stop, ask again, new, open, model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stepchat.errors import StepchatError
from stepchat.tui.chat import context_window, notices
from stepchat.tui.chat.goto import go_to_hit, go_to_words
from stepchat.tui.commands.command import Command
from stepchat.tui.dialogs.session_list import read_options, write_options
from stepchat.tui.dialogs.sessions import SessionScreen

if TYPE_CHECKING:
    from stepchat.tui.commands.command import Chat


SESSION_VIEW = "session screen"
"""The setting that remembers how the session screen was left."""


async def stop(chat: Chat, _argument: str) -> None:
    """End the answer; what was queued, or is not on disk, goes back to the prompt. Else what was said in passing goes."""
    if chat.conversation.busy:
        chat.unsent.take_queue()
        await chat.conversation.stop()
    elif not notices.put_away(chat):
        chat.tell("Nothing runs. Ctrl+C clears the prompt, Ctrl+Q quits.")


async def retry(chat: Chat, _argument: str) -> None:
    conversation = chat.conversation
    if conversation.busy:
        chat.tell("It is still answering; Esc stops it.")
    elif not conversation.path:
        chat.tell("There is nothing to ask again yet.")
    else:
        context_window.ask(chat, None)


async def new(chat: Chat, _argument: str) -> None:
    await chat.open(None)


async def sessions(chat: Chat, argument: str) -> None:
    store = chat.workspace.store
    if argument:
        await chat.open(await store.find(argument))
        await go_to_words(chat, argument)
        return
    options = read_options(await store.setting(SESSION_VIEW))
    current = chat.conversation.session
    busy = {current.id} if current is not None and chat.conversation.busy else set[str]()
    screen = SessionScreen(store, options, chat.background.sessions | busy)
    await screen.read()
    found = await chat.app.push_screen_wait(screen)
    if found is not None:
        await chat.open(await store.session(found))
        await go_to_hit(chat, screen.typed, screen.opened.hits if screen.opened is not None else ())
    elif current is not None and (await store.session(current.id)).deleted is not None:
        await chat.open(None)
    if screen.options != options:
        await store.set_setting(SESSION_VIEW, write_options(screen.options))


async def system(chat: Chat, argument: str) -> None:
    conversation = chat.conversation
    if conversation.session is not None:
        if argument:
            raise StepchatError("The system prompt belongs to the whole session.", "Start a new one first: /new")
        chat.tell(f"System prompt: {conversation.session.system or 'none'}")
        return
    chat.workspace = replace(chat.workspace, system=argument or None)
    conversation.workspace = chat.workspace
    chat.tell("System prompt set for the new session." if argument else "No system prompt.")


COMMANDS: tuple[Command, ...] = (
    Command("stop", "Stop the answer; what arrived is kept", stop, "escape"),
    Command("retry", "Ask the last question again", retry, "ctrl+r"),
    Command("new", "Start a new session", new, "ctrl+n"),
    Command("sessions", "Open another session", sessions, "ctrl+o", "[ID or text]"),
    Command("system", "Set the system prompt of a new session", system, None, "TEXT"),
)
