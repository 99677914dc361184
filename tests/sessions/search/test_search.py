from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.errors import StoreError
from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.sessions.database import connect
from stepchat.sessions.search.search import (
    ALL_FIELDS,
    DEFAULT_OPTIONS,
    FoundSession,
    LiveSearch,
    SearchOptions,
    SearchPage,
)
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator

    from stepchat.config.paths import Paths
    from stepchat.sessions.records import Session


@pytest.fixture(params=[True, False], ids=["fts5", "without fts5"])
async def store(paths: Paths, request: pytest.FixtureRequest) -> AsyncIterator[SessionStore]:
    times = iter(range(1000, 100_000))
    store = SessionStore.open(paths, accumulate=accumulate, full_text=request.param, clock=lambda: float(next(times)))
    yield store
    await store.close()


async def _talk(store: SessionStore, question: str, answer: str = "Well.", reasoning: str = "") -> Session:
    session = await store.create(model="m", server="s", system="systemic")
    asked = await store.append(session.id, None, UserMessage(question))
    await store.append(session.id, asked.id, AssistantMessage(text=answer, reasoning=reasoning))
    return await store.session(session.id)


async def _page(store: SessionStore, typed: str, options: SearchOptions = DEFAULT_OPTIONS) -> SearchPage:
    page = await store.search(typed, options)
    assert page is not None
    return page


def _shown(found: FoundSession) -> list[tuple[str, str]]:
    shown: list[tuple[str, str]] = []
    for hit in found.hits:
        text = hit.snippet.text
        for start, end in reversed(hit.snippet.ranges):
            text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
        shown.append((hit.field, text))
    return shown


async def test_hits_are_grouped_by_session_and_newest_first(store: SessionStore) -> None:
    old = await _talk(store, "Is an apple red?", "An apple is.")
    new = await _talk(store, "And a pear?", "No apple.", reasoning="apple apple")
    await _talk(store, "Nothing of it")
    # An old session that goes on is new again.
    page = await _page(store, "appl")
    assert [found.summary.id for found in page.sessions] == [new.id, old.id]
    more = await store.append(old.id, old.leaf, UserMessage("One more apple"))
    page = await _page(store, "appl")
    first, second = page.sessions
    assert first.summary == (await store.sessions())[0]
    assert (first.summary.id, second.summary.id) == (old.id, new.id)
    assert _shown(first) == [
        # Titles count as of the last change, so they come with the newest message.
        ("title", "Is an [appl]e red?"),
        ("prompt", "One more [appl]e"),
        ("answer", "An [appl]e is."),
    ]
    assert first.hits[1].message == more.id
    assert first.hits[0].message is None
    assert {hit.session for hit in first.hits} == {old.id}
    assert _shown(second) == [("answer", "No [appl]e.")]
    assert (page.more, page.complete) == (False, True)


async def test_each_field_is_found_when_asked_for(store: SessionStore) -> None:
    session = await _talk(store, "Question first\nprompted", "answered", "reasoned")
    await store.append(session.id, session.leaf, ToolMessage("c1", "tool", "tooled"))
    await store.set_title(session.id, "Titled")
    said = {"title": "titled", "prompt": "prompted", "answer": "answered", "reasoning": "reasoned", "tool": "tooled"}
    for name in ALL_FIELDS:
        for other, word in said.items():
            page = await _page(store, word, SearchOptions(fields=frozenset({name})))
            assert [hit.field for found in page.sessions for hit in found.hits] == ([name] if other == name else [])
    usual = [word for word in said.values() if (await _page(store, word)).sessions]
    assert usual == ["titled", "prompted", "answered"]
    for word in ("systemic", "content", "role", "Question zzz"):
        assert (await _page(store, word, SearchOptions(fields=ALL_FIELDS))).sessions == ()


async def test_all_words_must_be_in_one_message(store: SessionStore) -> None:
    both = await _talk(store, "q", "apple here", "pear there")
    await _talk(store, "apple", "pear")
    everything = SearchOptions(fields=ALL_FIELDS)
    page = await _page(store, "pear apple ", everything)
    assert [found.summary.id for found in page.sessions] == [both.id]
    assert (await _page(store, "pear apple ")).sessions == ()
    assert (await _page(store, '"apple here" ')).sessions[0].summary.id == both.id
    assert (await _page(store, '"here apple" ')).sessions == ()


@pytest.mark.parametrize(
    "typed",
    [
        '"',
        '""',
        "AND",
        "a AND",
        "NOT x",
        "x OR",
        "(",
        ")",
        "a*b*",
        "^x",
        "title:",
        "{a}:b",
        "NEAR(",
        "'; --",
        "\0",
        "%",
        "\ud800",
        "*",
    ],
)
async def test_nothing_that_is_typed_is_an_error(store: SessionStore, typed: str) -> None:
    await _talk(store, "something else")
    assert (await _page(store, typed, SearchOptions(fields=ALL_FIELDS))).sessions == ()


async def test_pages_follow_each_other(store: SessionStore) -> None:
    ids = [(await _talk(store, f"apple {n}")).id for n in range(7)][::-1]
    for offset in (0, 3, 6, 9):
        page = await _page(store, "apple", SearchOptions(limit=3, offset=offset))
        assert [found.summary.id for found in page.sessions] == ids[offset : offset + 3]
        assert page.more is (offset + 3 < 7)


async def test_a_session_shows_its_newest_hits_only(store: SessionStore) -> None:
    session = await _talk(store, "What?", "apple 0")
    for number in range(1, 6):
        await store.append(session.id, session.leaf, UserMessage(f"apple {number}"))
    (found,) = (await _page(store, "apple", SearchOptions(hits=2))).sessions
    assert _shown(found) == [("prompt", "[apple] 5"), ("prompt", "[apple] 4")]


async def test_a_renamed_session_is_found_by_its_new_title_only(store: SessionStore) -> None:
    session = await _talk(store, "Old\nq")
    await store.set_title(session.id, "Shiny name")
    assert (await _page(store, "shiny")).sessions[0].hits[0].field == "title"
    await store.set_title(session.id, "")
    assert (await _page(store, "shiny")).sessions == ()
    assert (await _page(store, "old")).sessions[0].hits[0].field == "title"


async def test_an_answer_is_found_once_it_is_finished(store: SessionStore) -> None:
    session = await _talk(store, "q")
    answer = await store.begin_answer(session.id, session.leaf, AssistantMessage())
    assert (await _page(store, "apple")).sessions == ()
    await store.finish_answer(answer, AssistantMessage(text="apple"))
    assert len((await _page(store, "apple")).sessions) == 1
    gone = await store.begin_answer(session.id, session.leaf, AssistantMessage(text="pear"))
    await store.finish_answer(gone, AssistantMessage())
    assert (await _page(store, "pear")).sessions == ()


async def test_a_damaged_message_does_not_stop_a_search(store: SessionStore) -> None:
    broken, whole = await _talk(store, "q", "apple one"), await _talk(store, "q", "apple two")
    connection = connect(store.file)
    connection.execute("UPDATE message SET data = '{ apple' WHERE id = ?", (broken.leaf,))
    connection.close()
    page = await _page(store, "apple")
    assert whole.id in [found.summary.id for found in page.sessions]


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("->", "a [->] b"),
        ('"->"', "a [->] b"),
        ("??", "what[??]"),
        ('"', 'say ["]hi["]'),
        ("\\", "c:[\\]"),
        ("…", "and so on[…]"),
        ("雨", "大[雨]だ"),
        ("x", "take [x] here"),
    ],
)
async def test_signs_and_single_letters_are_found(store: SessionStore, typed: str, shown: str) -> None:
    plain = shown.replace("[", "").replace("]", "")
    await _talk(store, "no", "nothing of it", reasoning=plain)
    found = await _talk(store, plain)
    assert [(one.summary.id, _shown(one)[-1]) for one in (await _page(store, typed)).sessions] == [
        (found.id, ("prompt", shown))
    ]
    assert len((await _page(store, typed, SearchOptions(fields=ALL_FIELDS))).sessions) == 2


async def test_nothing_typed_finds_nothing(store: SessionStore) -> None:
    await _talk(store, "q")
    assert await _page(store, " ") == SearchPage()


async def test_a_newer_query_takes_the_place_of_an_older_one(store: SessionStore) -> None:
    session = await store.create(model="m", server="s", system=None)
    await store.append(session.id, None, UserMessage("apple pear"))
    await store.search("warm")
    assert store._search is not None
    gate = threading.Event()
    held = asyncio.ensure_future(store._search._worker.run(lambda _: gate.wait(10)))
    first = asyncio.ensure_future(store.search("apple"))
    second = asyncio.ensure_future(store.search("pear"))
    third = asyncio.ensure_future(store.search("apple pear"))
    await asyncio.sleep(0)  # all three are asked before any is answered
    gate.set()
    assert await held
    pages = await asyncio.gather(first, second, third)
    assert pages[:2] == [None, None]
    assert pages[2] is not None
    assert len(pages[2].sessions) == 1


async def test_a_running_statement_is_interrupted(store: SessionStore) -> None:
    """A statement that would run for ages, on the connection of the search."""
    live = LiveSearch(store.file)
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def endless(connection: sqlite3.Connection) -> None:
        connection.create_function("begun", 0, lambda: loop.call_soon_threadsafe(begun.set) and None)
        connection.execute(
            "WITH RECURSIVE n (x) AS (SELECT begun() IS NULL UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
        ).fetchone()

    running = asyncio.ensure_future(live._worker.run(endless))
    await begun.wait()
    page = await live.search("apple", DEFAULT_OPTIONS)
    assert page is not None
    with pytest.raises(StoreError, match="interrupted"):
        await running
    await asyncio.to_thread(live.close)


async def test_a_search_in_the_middle_of_its_statement_makes_room(store: SessionStore) -> None:
    live = LiveSearch(store.file)
    begun, go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        loop.call_soon_threadsafe(begun.set)
        go.wait()

    await live._worker.run(lambda connection: connection.set_progress_handler(hold, 1))
    for cancelled in (False, True):
        begun.clear()
        go.clear()
        running = asyncio.ensure_future(live.search("apple", DEFAULT_OPTIONS))
        await begun.wait()
        if cancelled:
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
        newer = asyncio.ensure_future(live.search("pear", DEFAULT_OPTIONS))
        # Lets the newer one ask, and so interrupt, before the statement goes on.
        await asyncio.sleep(0)
        go.set()
        assert await newer == SearchPage()
        assert cancelled or await running is None
    await asyncio.to_thread(live.close)


async def test_a_cancelled_query_leaves_the_next_alone(store: SessionStore) -> None:
    session = await store.create(model="m", server="s", system=None)
    await store.append(session.id, None, UserMessage("apple"))
    for _ in range(20):
        task = asyncio.ensure_future(store.search("apple"))
        await asyncio.sleep(0)
        task.cancel()
        page = await store.search("apple")
        assert page is not None
        assert len(page.sessions) == 1
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_closed_store_says_so(store: SessionStore) -> None:
    await store.search("x y")
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.search("x y")
