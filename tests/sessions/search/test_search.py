from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.sessions.database import connect
from stepchat.sessions.search.search import ALL_FIELDS, USUAL, FoundSession, SearchOptions, SearchPage
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
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


async def _page(store: SessionStore, typed: str, options: SearchOptions = USUAL) -> SearchPage:
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
