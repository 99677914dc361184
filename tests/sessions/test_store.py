from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from stepchat import lossless_json
from stepchat.chat.accumulator import accumulate
from stepchat.errors import SessionNotFoundError, StoreError
from stepchat.messages import AssistantMessage, Message, ToolMessage, Usage, UserMessage
from stepchat.sessions.records import Session
from stepchat.sessions.store import SessionStore
from tests.sessions import samples

if TYPE_CHECKING:
    from stepchat.config.paths import Paths


async def _session(store: SessionStore, *questions: str) -> Session:
    session = await store.create(model="step", server="https://example.org", system=None)
    parent = None
    for question in questions:
        parent = (await store.append(session.id, parent, UserMessage(question))).id
    return await store.session(session.id)


async def test_a_conversation_is_there_after_a_restart(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate, clock=lambda: 1234.5)
    created = await store.create(model="step", server="https://example.org", system="Be \ud800 brief.")
    question = await store.append(created.id, None, UserMessage("Why?", 1.0))
    answer = await store.append(created.id, question.id, AssistantMessage(text="Because.", reasoning="Hm."))
    tool = await store.append(created.id, answer.id, ToolMessage("c1", "clock", "12:00"))
    await store.close()
    again = SessionStore.open(paths, accumulate=accumulate)
    session = await again.session(created.id)
    assert session == Session(
        created.id, "Why?", 1234.5, 1234.5, tool.id, "step", "https://example.org", "Be \ud800 brief."
    )
    assert await again.path(session.id) == [question, answer, tool]
    assert await again.latest() == session
    await again.close()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples.any_message)
async def test_any_message_survives_the_disk(store: SessionStore, message: Message) -> None:
    session = await store.create(model="m", server="s", system=None)
    stored = await store.append(session.id, None, message)
    (back,) = await store.path(session.id)
    assert back == stored
    assert lossless_json.dumps(_wire(back.message)) == lossless_json.dumps(_wire(message))


def _wire(message: Message) -> object:
    return message.reasoning_details if isinstance(message, AssistantMessage) else message.text


async def test_details_come_back_byte_for_byte(store: SessionStore) -> None:
    text = r'[{"type":"new.kind","z":1.10,"a":1E400,"big":123456789012345678901234567890,"\ud83d":"\udc00 é"},{}]'
    details = tuple(lossless_json.loads(text))
    session = await store.create(model="m", server="s", system=None)
    await store.append(session.id, None, AssistantMessage(reasoning_details=details))
    (back,) = await store.path(session.id)
    assert isinstance(back.message, AssistantMessage)
    assert back.message.reasoning_details is not None
    assert lossless_json.dumps(back.message.reasoning_details) == lossless_json.dumps(lossless_json.loads(text))
    for spelling in ("1.10", "1E400", "123456789012345678901234567890"):
        assert spelling in lossless_json.dumps(back.message.reasoning_details)


async def test_an_empty_list_of_details_is_not_no_list(store: SessionStore) -> None:
    session = await store.create(model="m", server="s", system=None)
    empty = await store.append(session.id, None, AssistantMessage(reasoning_details=()))
    await store.append(session.id, empty.id, AssistantMessage(reasoning_details=None))
    kept = [stored.message.reasoning_details for stored in await store.path(session.id)]  # type: ignore[union-attr]
    assert kept == [(), None]


async def test_a_session_is_a_tree(store: SessionStore) -> None:
    session = await store.create(model="m", server="s", system=None)
    root = await store.append(session.id, None, UserMessage("q"))
    first = await store.append(session.id, root.id, AssistantMessage(text="one"))
    second = await store.append(session.id, root.id, AssistantMessage(text="two"))
    other_root = await store.append(session.id, None, UserMessage("q, edited"))
    assert await store.messages(session.id) == [root, first, second, other_root]
    assert await store.path(session.id) == [other_root]
    assert await store.path(session.id, first.id) == [root, first]
    await store.set_leaf(session.id, second.id)
    assert await store.path(session.id) == [root, second]
    await store.set_leaf(session.id, None)
    assert await store.path(session.id) == []


async def test_a_message_cannot_hang_below_a_stranger(store: SessionStore) -> None:
    mine, other = await _session(store, "mine"), await _session(store, "other")
    before = await store.messages(mine.id)
    for parent in (other.leaf, "x0nothing"):
        with pytest.raises(StoreError, match=str(parent)):
            await store.append(mine.id, parent, UserMessage("lost?"))
        with pytest.raises(StoreError, match=str(parent)):
            await store.set_leaf(mine.id, parent)
        with pytest.raises(StoreError, match=str(parent)):
            await store.begin_answer(mine.id, parent, AssistantMessage())
        with pytest.raises(StoreError, match=str(parent)):
            await store.path(mine.id, parent)
    assert await store.messages(mine.id) == before


async def test_an_unknown_session_is_named_everywhere(store: SessionStore) -> None:
    for attempt in (
        store.session("x0gone"),
        store.append("x0gone", None, UserMessage("q")),
        store.begin_answer("x0gone", None, AssistantMessage()),
        store.path("x0gone"),
        store.messages("x0gone"),
        store.set_leaf("x0gone", None),
        store.set_title("x0gone", "t"),
        store.set_model("x0gone", "m", "s"),
        store.set_draft("x0gone", "d"),
        store.draft("x0gone"),
        store.find("x0gone"),
    ):
        with pytest.raises(SessionNotFoundError, match="x0gone"):
            await attempt


async def test_lists_are_newest_first_and_leave_out_the_empty(paths: Paths) -> None:
    now = [1000.0]
    store = SessionStore.open(paths, accumulate=accumulate, clock=lambda: now[0])
    assert await store.latest() is None
    assert await store.sessions() == []
    old = await _session(store, "old")
    now[0] = 2000.0
    new = await _session(store, "new")
    await store.create(model="m", server="s", system=None)
    assert [row.id for row in await store.sessions()] == [new.id, old.id]
    now[0] = 3000.0
    await store.append(old.id, old.leaf, UserMessage("again"))
    assert [row.id for row in await store.sessions()] == [old.id, new.id]
    assert [row.id for row in await store.sessions(limit=1, offset=1)] == [new.id]
    newest = await store.latest()
    assert newest is not None
    assert (newest.id, newest.created, newest.updated) == (old.id, 1000.0, 3000.0)
    # A clock that was set back makes no session older.
    now[0] = 10.0
    await store.append(old.id, old.leaf, UserMessage("and again"))
    assert (await store.session(old.id)).updated == 3000.0
    await store.close()


async def test_a_summary_counts_the_whole_tree(store: SessionStore) -> None:
    session = await store.create(model="step", server="s", system=None)
    root = await store.append(session.id, None, UserMessage("q"))
    for usage in (
        '{"cost": 0.1}',
        '{"cost": 0.2}',
        '{"cost": "free"}',
        '{"cost": 1e400}',
        '{"cost": 1e99999999999999999999}',
        '{"cost": -5}',
        "{}",
    ):
        await store.append(session.id, root.id, AssistantMessage(usage=Usage(lossless_json.loads(usage))))
    (row,) = await store.sessions()
    assert (row.id, row.title, row.messages, row.turns, row.model) == (session.id, "q", 8, 1, "step")
    # As decimal numbers: 0.1 + 0.2 is 0.3.
    assert row.cost == Decimal("0.3")


async def test_a_cost_that_nobody_told_is_not_zero(store: SessionStore) -> None:
    await _session(store, "q")
    (row,) = await store.sessions()
    assert row.cost is None


async def test_the_title_comes_from_the_first_question_until_it_is_edited(store: SessionStore) -> None:
    session = await _session(store, "", "# First *real* question", "Second question")
    assert session.title == "First real question"
    assert await store.set_title(session.id, "  My\n\x1b[31mtitle\ud800 ") == "My title"
    await store.append(session.id, session.leaf, UserMessage("Third"))
    edited = await store.session(session.id)
    assert (edited.title, edited.title_edited) == ("My title", True)
    # Emptied, the automatic title returns.
    assert await store.set_title(session.id, " ") == "First real question"
    back = await store.session(session.id)
    assert (back.title, back.title_edited) == ("First real question", False)


async def test_model_and_server_change_together(store: SessionStore) -> None:
    session = await _session(store, "q")
    await store.set_model(session.id, "other", "http://localhost:8080/v1")
    changed = await store.session(session.id)
    assert (changed.model, changed.server) == ("other", "http://localhost:8080/v1")
    # A command line can hold bytes that are no text.
    odd = await store.create(model="a\udcffb", server="s\udcff", system=None)
    assert (odd.model, odd.server) == ("a?b", "s?")


async def test_the_readers_choice_of_folding_is_kept(store: SessionStore) -> None:
    session = await _session(store, "q")
    answer = await store.append(session.id, session.leaf, AssistantMessage(text="a"))
    assert answer.folded is None
    for choice in (True, False, None):
        await store.set_folded(answer.id, choice)
        assert (await store.path(session.id))[-1].folded is choice
    with pytest.raises(StoreError, match="nothing"):
        await store.set_folded("nothing", True)


async def test_drafts_and_settings_are_remembered(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session = await _session(store, "q")
    assert await store.draft(None) == ""
    assert await store.draft(session.id) == ""
    assert await store.setting("theme") is None
    await store.set_draft(None, "new \ud800 text")
    await store.set_draft(session.id, "line 1\nline 2")
    await store.set_setting("theme", "day")
    await store.set_setting("theme", "night")
    await store.close()
    again = SessionStore.open(paths, accumulate=accumulate)
    assert await again.draft(None) == "new \ud800 text"
    assert await again.draft(session.id) == "line 1\nline 2"
    assert await again.setting("theme") == "night"
    await again.close()


async def test_a_closed_store_says_so(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    await store.close()
    await store.close()
    store.close_now()
    for attempt in (store.latest(), store.set_setting("a", "b")):
        with pytest.raises(StoreError, match="closed"):
            await attempt


async def test_nothing_of_a_store_is_left_behind(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session = await _session(store, "q")
    answer = await store.begin_answer(session.id, session.leaf, AssistantMessage())
    assert len(list((paths.data / "running").iterdir())) == 1
    await store.finish_answer(answer, AssistantMessage(text="a"))
    await store.close()
    assert sorted(path.name for path in paths.data.rglob("*")) == ["running", "sessions.db"]
    assert list((paths.data / "running").iterdir()) == []
