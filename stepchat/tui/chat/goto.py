"""From what was found to where it was said: the message of the session that was opened, with the words marked in it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from stepchat.chat import branches
from stepchat.transcript.answer import REASONING
from stepchat.tui.chat.find_bar import open_find

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.messages import StoredMessage
    from stepchat.sessions.records import Session
    from stepchat.sessions.search.search import Hit
    from stepchat.transcript.document import MessageView
    from stepchat.transcript.find.navigator import FindNavigator
    from stepchat.tui.chat.screen import ChatScreen as Chat


async def go_to_hit(chat: Chat, typed: str, hits: Sequence[Hit]) -> None:
    """To the newest hit of a search. Who has found a title goes on at the end. Raises StoreError."""
    hit = hits[0] if hits and all(hit.message is not None for hit in hits) else None
    if hit is None or hit.message is None:
        return
    found = sorted({hit.snippet.text[start:end] for start, end in hit.snippet.ranges}, key=len, reverse=True)
    part = await _shown(chat, hit.message)
    if part is not None and (words := _words_in(chat, part, [typed.strip().strip('"'), *found])):
        bar = await open_find(chat, words, beside=True)
        chat.view.find(partial(_point, part=part, in_thoughts=hit.field == "reasoning"))
        bar.action_step(0)


async def go_to_words(chat: Chat, text: str) -> None:
    """To where this was said last, if the session was found by that and not by its id or title. Raises StoreError."""
    conversation, needle = chat.conversation, text.strip().casefold()
    session = conversation.session
    if session is None or session.id.startswith(needle) or needle in session.title.casefold():
        return
    said = _newest(conversation.path, needle) or await _elsewhere(chat, session, needle)
    part = None if said is None else await _shown(chat, said.id)
    if part is not None and (words := _words_in(chat, part, [text.strip()])):
        # Whoever types already is not to type into a search.
        chat.view.find(partial(_look, words=words, part=part))
        for place in chat.view.find(lambda finder: finder.leave()):
            chat.view.post_fold(place, folded=False)
        chat.flash(f"Here it was said last; /find {words}")


def _newest(messages: Sequence[StoredMessage], needle: str) -> StoredMessage | None:
    return next((stored for stored in reversed(messages) if needle in stored.message.text.casefold()), None)


async def _elsewhere(chat: Chat, session: Session, needle: str) -> StoredMessage | None:
    return _newest(await chat.workspace.store.messages(session.id), needle)


async def _shown(chat: Chat, message_id: str) -> MessageView | None:
    """On the branch that was shown last with it; not when an answer is being written on another one."""
    conversation = chat.conversation
    if all(stored.id != message_id for stored in conversation.path):
        if conversation.busy:
            return None
        await branches.show_leaf(conversation, await chat.workspace.store.deepest_leaf(message_id))
    parts = chat.view.document.messages
    return next((part for part in parts if part.stored is not None and part.stored.id == message_id), None)


def _words_in(chat: Chat, part: MessageView, candidates: Sequence[str]) -> str:
    """The first that the page shows in this message; a search knows words that are apart, and sources."""

    def look(finder: FindNavigator) -> str:
        found = ""
        for words in filter(None, candidates):
            finder.search_for(words)
            if finder.search.hits_in(part):
                found = words
                break
        finder.leave()
        return found

    words = chat.view.find(look)
    if not words:
        ids = [stored.id for stored in chat.conversation.path]
        chat.view.show_branch(chat.conversation.path, focus_on=ids.index(part.stored.id) if part.stored else None)
        chat.view.clear_focus()
    return words


def _point(finder: FindNavigator, part: MessageView, *, in_thoughts: bool = False) -> None:
    """The first hit in this message is the current one."""
    hits = finder.search.hits_in(part)
    wanted = [hit for hit in hits if (part.answer is not None and hit.section == REASONING) is in_thoughts] or hits
    finder.search.current = wanted[0] if wanted else None


def _look(finder: FindNavigator, words: str, part: MessageView) -> None:
    finder.search_for(words)
    _point(finder, part)
    finder.step(0)
