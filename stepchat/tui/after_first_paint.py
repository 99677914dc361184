"""What can wait until the first paint: the greeting, marks, the connection, the list of models, late costs."""

from __future__ import annotations

import asyncio
import gc
from functools import partial
from typing import TYPE_CHECKING

from stepchat.chat.branches import count_siblings
from stepchat.chat.interrupted import announce
from stepchat.chat.late_costs import fetch_late_costs
from stepchat.chat.switching import load_catalogue
from stepchat.tui.chat.goto import go_to_words

if TYPE_CHECKING:
    from stepchat.tui.chat.screen import ChatScreen


async def load(chat: ChatScreen) -> None:
    """Whatever fails of it, the rest comes."""
    conversation = chat.conversation
    conversation.on_unpriced = partial(fetch_late_costs, chat)
    if chat.workspace.choose_session:
        await chat.run_action("app.command('sessions')")
    elif conversation.session is None and not chat.prompt.text:
        await conversation.run_optional(partial(_greet, chat))
    await conversation.run_optional(partial(announce, chat))
    if words := chat.workspace.start_options.resume:
        await conversation.run_optional(partial(go_to_words, chat, words))
    await conversation.show_returned_reasoning()
    await conversation.run_optional(partial(count_siblings, conversation))
    # What is alive now stays, so later collections can skip it.
    gc.collect()
    gc.freeze()
    gc.enable()
    await asyncio.to_thread(chat.workspace.client.prepare)
    chat.theme_controller.remember()
    load_catalogue(chat)
    fetch_late_costs(chat)


async def _greet(chat: ChatScreen) -> None:
    """Who has neither a key nor a session is asked how to begin."""
    workspace = chat.workspace
    await chat.welcome.greet(workspace)
    if workspace.key_error is not None and not await workspace.store.sessions(limit=1):
        await chat.run_action("app.command('login')")
