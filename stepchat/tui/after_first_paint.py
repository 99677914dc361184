"""What can wait until the first paint: the greeting, marks, the connection, the list of models, late costs."""

from __future__ import annotations

import asyncio
import gc
from functools import partial
from typing import TYPE_CHECKING

from stepchat.chat.branches import count_siblings
from stepchat.chat.interrupted import offer
from stepchat.chat.late_costs import settle_costs
from stepchat.chat.switching import first_look
from stepchat.tui.chat.goto import go_to_words

if TYPE_CHECKING:
    from stepchat.tui.chat.screen import ChatScreen


async def load(chat: ChatScreen) -> None:
    """Whatever fails of it, the rest comes."""
    conversation = chat.conversation
    conversation.on_unpriced = partial(settle_costs, chat)
    if chat.workspace.choose:
        chat.action_command("sessions")
    elif conversation.session is None and not chat.prompt.text:
        await conversation.beside(partial(_greet, chat))
    await conversation.beside(partial(offer, chat))
    if words := chat.workspace.request.resume:
        await conversation.beside(partial(go_to_words, chat, words))
    await conversation.tell_returned()
    await conversation.beside(partial(count_siblings, conversation))
    # What is alive now stays; later collections need not look at it (SPEED.md 3.3).
    gc.collect()
    gc.freeze()
    gc.enable()
    await asyncio.to_thread(chat.workspace.client.prepare)
    chat.look.remember()
    first_look(chat)
    settle_costs(chat)


async def _greet(chat: ChatScreen) -> None:
    """Who has neither a key nor a session is asked how to begin."""
    workspace = chat.workspace
    await chat.welcome.greet(workspace)
    if workspace.key_error is not None and not await workspace.store.sessions(limit=1):
        chat.action_command("login")
