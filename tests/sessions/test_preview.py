from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.messages import AssistantMessage, Message, ToolMessage, UserMessage
from stepchat.sessions.preview import MessagePreview, Preview

if TYPE_CHECKING:
    from stepchat.sessions.store import SessionStore


async def said(store: SessionStore, *messages: Message) -> str:
    """A session of these messages, one below the other."""
    session = await store.create(model="m", server="s", system=None)
    parent = None
    for message in messages:
        parent = (await store.append(session.id, parent, message)).id
    return session.id


async def test_a_short_session_is_shown_once(store: SessionStore) -> None:
    session = await said(store, UserMessage("Hello"), AssistantMessage(text="World"))
    assert await store.preview(session) == Preview(
        (MessagePreview("user", "Hello"), MessagePreview("assistant", "World"))
    )
    assert await store.preview("s0none") == Preview()


async def test_beginning_and_end_of_a_long_one(store: SessionStore) -> None:
    many = [UserMessage(f"question {number}") for number in range(9)]
    session = await said(store, *many, ToolMessage("1", "clock", "noon"))
    preview = await store.preview(session)
    assert [each.text for each in preview.beginning] == ["question 0", "question 1"]
    assert preview.end == (MessagePreview("user", "question 8"), MessagePreview("tool", "noon"))
    assert preview.between == 6


async def test_only_the_branch_that_is_shown(store: SessionStore) -> None:
    session = await said(store, UserMessage("first"), AssistantMessage(text="one"))
    first = (await store.messages(session))[0]
    await store.append(session, first.id, AssistantMessage(reasoning="only a thought", text=""))
    assert [each.text for each in (await store.preview(session)).beginning] == ["first", "only a thought"]


async def test_long_texts_are_cut_where_they_say_less(store: SessionStore) -> None:
    long = "begins " + "x " * 5000 + "ends"
    session = await said(
        store, UserMessage(long), AssistantMessage(text=long), UserMessage(long), AssistantMessage(text=long)
    )
    preview = await store.preview(session)
    assert all(len(each.text) < 2100 for each in (*preview.beginning, *preview.end))
    assert [each.text.startswith("begins") for each in (*preview.beginning, *preview.end)] == [True, True, True, False]
    assert preview.end[1].text.endswith("ends")
