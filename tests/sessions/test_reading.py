from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.errors import AmbiguousSessionError, SessionNotFoundError, StoreError
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.sessions.database import connect
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
    from stepchat.config.paths import Paths
    from stepchat.sessions.records import Session


async def _session(store: SessionStore, question: str, answer: str = "Well.") -> Session:
    session = await store.create(model="unusual-model", server="s", system="unusual system")
    asked = await store.append(session.id, None, UserMessage(question))
    await store.append(session.id, asked.id, AssistantMessage(text=answer, reasoning="unusual thought"))
    return await store.session(session.id)


async def test_find_by_the_beginning_of_an_id(store: SessionStore) -> None:
    sessions = [await _session(store, f"q{number}") for number in range(5)]
    for session in sessions:
        assert await store.find(session.id) == session
        assert await store.find(f" {session.id[:8].upper()} ") == session
    with pytest.raises(SessionNotFoundError):
        await store.find(sessions[0].id[:3])


async def test_an_ambiguous_beginning_lists_what_it_could_mean(store: SessionStore) -> None:
    first, second = await _session(store, "First question"), await _session(store, "")
    connection = connect(store.file)
    connection.execute("PRAGMA foreign_keys = OFF")
    for session, new in ((first, "k3aaaaaaaaaa"), (second, "k3aabbbbbbbb")):
        connection.execute("UPDATE session SET id = ? WHERE id = ?", (new, session.id))
        connection.execute("UPDATE message SET session = ? WHERE session = ?", (new, session.id))
    connection.close()
    with pytest.raises(StoreError, match=r"k3aaaaaaaaaa \(First question\)") as caught:
        await store.find("k3aa")
    assert "k3aabbbbbbbb (untitled)" in caught.value.message
    assert (await store.find("k3aab")).id == "k3aabbbbbbbb"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("penguin", "Tell me about PENGUINS please"),
        ("ÜBER", "Was ist über uns?"),
        ("STRAßE", "Die Straße ist lang"),
        ("漢字", "これは漢字です"),
        ('say "hi"\\n', 'He did say "hi"\\n to me'),
        ("two\nlines", "in two\nlines"),
        ("100%", "I am 100% sure"),
        ("a_b!", "call a_b! now"),
        ("🙂", "smile 🙂 on"),
        ("café", "half a pair \ud800 in the café"),
        ("\ud800", "half a pair \ud800"),
    ],
)
async def test_find_by_what_was_said(store: SessionStore, wanted: str, said: str) -> None:
    await _session(store, "something else", "and nothing, 100 a-b axb!")
    asked = await _session(store, "ok", said)
    await _session(store, "something else again")
    assert await store.find(wanted) == asked


@pytest.mark.parametrize("wanted", ["unusual", "reasoning_details", "x%y", "", "  ", "role"])
async def test_only_titles_questions_and_answers_are_searched(store: SessionStore, wanted: str) -> None:
    await _session(store, "x and y")
    with pytest.raises(SessionNotFoundError, match=repr(wanted)):
        await store.find(wanted)


async def test_a_title_wins_over_a_newer_text(paths: Paths) -> None:
    now = [1.0]
    store = SessionStore.open(paths, accumulate=accumulate, clock=lambda: now[0])
    by_text = await _session(store, "q", "about whales")
    assert await store.find("whales") == by_text
    now[0] = 2.0
    by_title = await _session(store, "Whales?")
    assert await store.find("whales") == by_title
    now[0] = 3.0
    await _session(store, "q", "no whales here")
    assert await store.find("whales") == by_title
    # An edited title is found, too.
    await store.set_title(by_text.id, "Narwhals")
    assert (await store.find("narwhals")).id == by_text.id
    await store.close()


async def test_a_very_long_search_text_is_searched(store: SessionStore) -> None:
    text = "word " * 20_000
    session = await _session(store, "q", text)
    assert await store.find(text) == session
    with pytest.raises(SessionNotFoundError):
        await store.find(text + "more")


async def test_sessions_beside_a_damaged_message_are_found_and_named(store: SessionStore) -> None:
    broken, whole = await _session(store, "broken"), await _session(store, "whole")
    assert broken.leaf
    connection = connect(store.file)
    connection.execute("UPDATE message SET data = '{' WHERE id = ?", (broken.leaf,))
    connection.close()
    assert len(await store.path(whole.id)) == 2
    assert len(await store.sessions()) == 2
    # It keeps nobody from finding the others, nor from an automatic title.
    assert await store.find("ell.") == whole
    asked = (await store.path(whole.id))[0]
    connection = connect(store.file)
    connection.execute("UPDATE message SET data = '{' WHERE id = ?", (asked.id,))
    connection.close()
    await store.append(whole.id, None, UserMessage("Readable"))
    await store.set_title(whole.id, "Mine")
    await store.set_title(whole.id, "")
    assert (await store.session(whole.id)).title == "Readable"


async def test_a_circle_in_a_damaged_tree_ends(store: SessionStore) -> None:
    session = await _session(store, "q")
    root, leaf = await store.path(session.id)
    connection = connect(store.file)
    connection.execute("UPDATE message SET parent = ? WHERE id = ?", (leaf.id, root.id))
    connection.close()
    assert [stored.id for stored in await store.path(session.id)] == [root.id, leaf.id]


async def test_a_long_conversation_is_read_in_order(store: SessionStore) -> None:
    session = await store.create(model="m", server="s", system=None)
    parent, ids = None, []
    for number in range(1500):
        parent = (await store.append(session.id, parent, UserMessage(str(number)))).id
        ids.append(parent)
    assert [stored.id for stored in await store.path(session.id)] == ids


async def test_the_prompts_of_all_sessions_newest_first(store: SessionStore) -> None:
    sessions = [await _session(store, question) for question in ("one", "two\nlines", "one", " ", "deleted", "damaged")]
    await store.delete([sessions[4].id])
    connection = connect(store.file)
    connection.execute("UPDATE message SET data = 'x' WHERE session = ? AND role = 'user'", (sessions[5].id,))
    connection.close()
    assert await store.prompts() == ["one", "two\nlines"]
    assert await store.prompts(limit=3) == ["one"]


async def test_a_damaged_message_hides_no_other(store: SessionStore) -> None:
    session = await _session(store, "apple", "pear")
    asked, answer = await store.path(session.id)
    connection = connect(store.file)
    for text in ("{", "[]", '{"role": 5}', b"\xff\xfe"):
        for stored in (asked, answer):
            connection.execute("UPDATE message SET data = ? WHERE id = ?", (text, stored.id))
    connection.close()
    question, reply = (stored.message for stored in await store.path(session.id))
    assert isinstance(question, UserMessage)
    assert isinstance(reply, AssistantMessage)
    assert "damaged" in question.text
    assert (reply.stop, "damaged" in reply.ending_label) == ("error", True)
    assert [stored.id for stored in await store.messages(session.id)] == [asked.id, answer.id]
    assert [stored.id for stored in await store.siblings(answer.id)] == [answer.id]
    # It can go on, but a lossless copy of it cannot be made.
    more = await store.append(session.id, answer.id, UserMessage("more"))
    assert (await store.path(session.id))[-1].id == more.id
    with pytest.raises(StoreError, match="cannot be read"):
        await store.content(session.id, whole_tree=True)


async def test_a_title_that_is_not_text_breaks_no_list(store: SessionStore) -> None:
    session = await _session(store, "apple")
    connection = connect(store.file)
    connection.execute("UPDATE session SET title = CAST(x'61ff62' AS TEXT) WHERE id = ?", (session.id,))
    connection.close()
    other = await _session(store, "pear")
    assert sorted(row.title for row in await store.sessions()) == ["a\ufffdb", "pear"]
    assert (await store.find("pear")).id == other.id
    await store.append(session.id, session.leaf, UserMessage("more"))
    assert (await store.path(session.id))[-1].message.text == "more"


async def test_find_ranks_titles_before_text_and_words_before_parts_of_words(store: SessionStore) -> None:
    expected: list[str] = []
    for question, answer in (("Green tea", ""), ("Teapots", ""), ("Drinks", "A cup of tea."), ("Code", "A bytearray.")):
        session = await _session(store, question, answer)
        expected.append(session.id)
    for best in expected:
        assert (await store.find("tea")).id == best
        await store.delete([best])
    with pytest.raises(SessionNotFoundError):
        await store.find("tea")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("tea", ["Tea for two", "Green tea"]),
        ("green tea", ["Green tea"]),
        ("TEAP", ["Two teapots", "Teapots"]),
        ("cup", ["Coffee", "Drinks"]),
        ("arra", ["Arrays", "Code"]),
    ],
)
async def test_sessions_that_match_equally_well_are_candidates_the_newest_first(
    store: SessionStore, wanted: str, expected: list[str]
) -> None:
    for question, answer in (
        ("Green tea", "A green one."), ("Teapots", ""), ("Drinks", "A cup of tea."), ("Coffee", "A cup."),
        ("Code", "A bytearray."), ("Arrays", "Also a bytearray."), ("Tea for two", ""), ("Two teapots", ""),
    ):  # fmt: skip
        await _session(store, question, answer)
    if len(expected) == 1:
        assert (await store.find(wanted)).title == expected[0]
        return
    if wanted == "arra":  # a part of a word of a title comes before one of a text
        assert (await store.find(wanted)).title == "Arrays"
        wanted = "tearra"
    with pytest.raises(AmbiguousSessionError) as caught:
        await store.find(wanted)
    found = [title for _, title in caught.value.candidates]
    assert sorted(found) == sorted(expected)
    rows = await store.summaries([session_id for session_id, _ in caught.value.candidates])
    assert [row.title for row in rows] == found
    assert (await store.find(rows[-1].id)).title == found[-1]


async def test_newest_means_the_last_event_whatever_the_clock_says(paths: Paths) -> None:
    times = iter((2e9, 2e9, 2e9, 2e9, *range(1000, 1100)))
    store = SessionStore.open(paths, accumulate=accumulate, clock=lambda: float(next(times)))
    sessions = [await store.create(model="m", server="s", system=None) for _ in range(3)]

    async def ask(number: int, question: str) -> None:
        path = await store.complete_path(sessions[number].id)
        await store.append(sessions[number].id, path[-1].id if path else None, UserMessage(question))
        latest = await store.latest()
        assert latest is not None
        assert latest.id == sessions[number].id
        assert (await store.sessions())[0].id == latest.id
        assert (await store.session_ids())[0] == latest.id
        for words in ("walrus", question):
            page = await store.search(words)
            assert page is not None
            assert page.sessions[0].summary.id == latest.id

    for number in (0, 1, 2, 0, 2, 1):
        await ask(number, f"Walrus {number}")
    forked = await store.fork(sessions[0].id, (await store.path(sessions[0].id))[0].id)
    assert (await store.sessions())[0].id == forked.id
    await store.close()
