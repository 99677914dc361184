"""Going from branch to branch of the session on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepchat.chat.conversation import Conversation
    from stepchat.messages import StoredMessage


async def show_leaf(conversation: Conversation, leaf: str | None, focus_on: str | None = None) -> None:
    """Show the branch that ends here, without moving on the screen what both have, and `focus_on`, an id, in focus."""
    session, store = conversation.session, conversation.workspace.store
    if session is None:
        return
    before = _standing(conversation)
    await store.set_leaf(session.id, leaf)
    # Not what the session shows: that may be another window's by now.
    path = [] if leaf is None else await store.path(session.id, leaf)
    if _standing(conversation) != before:
        return  # another session was opened meanwhile, or something asked
    conversation.branched, conversation.path = True, path
    places = [place for place, stored in enumerate(path) if stored.id == focus_on]
    conversation.view.show_branch(path, focus_on=places[0] if places else None)
    await count_siblings(conversation)
    await conversation.show_returned_reasoning()
    conversation.changed()


def _standing(conversation: Conversation) -> tuple[str | None, bool]:
    """Its session, and whether a turn runs in it."""
    return None if conversation.session is None else conversation.session.id, conversation.busy


async def show_sibling(conversation: Conversation, stored: StoredMessage, by: int) -> None:
    """Show the sibling of a message, with what followed it last. At both ends nothing happens."""
    store = conversation.workspace.store
    siblings = await store.siblings(stored.id)
    at = [sibling.id for sibling in siblings].index(stored.id) + by
    if 0 <= at < len(siblings):
        await show_leaf(conversation, await store.deepest_leaf(siblings[at].id), siblings[at].id)


async def count_siblings(conversation: Conversation) -> None:
    """Bring the marks of messages that have siblings up to date, with one question for all of them."""
    path, store = conversation.path, conversation.workspace.store
    conversation.view.set_siblings(await store.sibling_positions(path[-1].session, path[-1].id) if path else {})
