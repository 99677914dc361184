"""Opens the comparison of an answer with one of its siblings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.chat import branches
from stepchat.messages import AssistantMessage
from stepchat.tui.terminal import clipboard
from stepchat.tui.themes import palette

if TYPE_CHECKING:
    from stepchat.messages import StoredMessage
    from stepchat.tui.commands.command import Chat


def has_siblings(chat: Chat, stored: StoredMessage) -> bool:
    """Whether there is something to compare an answer with."""
    return isinstance(stored.message, AssistantMessage) and stored.id in chat.view.overlays.siblings.known


async def compare(chat: Chat, stored: StoredMessage) -> None:
    """With the one made before it, or else after it. The one that is chosen there is shown then."""
    # Its screen is not needed by the first frame.
    from stepchat.tui.dialogs.compare import CompareScreen

    store = chat.workspace.store
    siblings = [row for row in await store.siblings(stored.id) if isinstance(row.message, AssistantMessage)]
    place = [row.id for row in siblings].index(stored.id)
    sides = (place - 1, place) if place else (0, 1)
    screen = CompareScreen(
        siblings,
        sides,
        stored.id,
        palette(chat.theme_controller.theme),
        lambda text: chat.app.notify(clipboard.copy(chat.app, text)),
    )
    chosen = await chat.app.push_screen_wait(screen)
    if chosen is None or chosen == stored.id:
        return
    if chat.conversation.busy:
        chat.tell("It is still answering; Esc stops it.")
        return
    focus_on = chosen if chat.view.has_focus else None
    await branches.show_leaf(chat.conversation, await store.deepest_leaf(chosen), focus_on)
