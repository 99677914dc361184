from __future__ import annotations

from dataclasses import replace

import pytest

from stepchat.demo.server import DemoServer
from tests.tui.screen import screen_rows, screen_text
from tests.tui.window import ask, branch, busy, open_session, say, wait_until, window


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


def prompt(pilot):
    return pilot.app.screen.prompt


def questions(pilot):
    return [stored.message.text for stored in branch(pilot)][::2]


def asked(request):
    return [message["content"] for message in request.body["messages"] if message["role"] == "user"]


async def idle(pilot, server, requests):
    await wait_until(pilot, lambda: len(server.requests) == requests and not busy(pilot))
    await pilot.pause(0.05)


async def test_an_earlier_question_is_asked_in_other_words_as_a_branch(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        for text in ("demo:haiku one", "demo:haiku two", "demo:haiku three"):
            await ask(pilot, text)
        before = list(branch(pilot))
        prompt(pilot).prefill("something begun")
        await pilot.press("alt+up", "up", "up", "up", "e")
        await wait_until(pilot, "editing question 2")
        rows = screen_rows(pilot.app)
        assert "Enter resend as a new branch  Esc cancel" in rows[-1]
        assert rows[-2].startswith("» demo:haiku two")
        assert pilot.app.screen.focused is prompt(pilot)
        await pilot.press(*" and more", "enter")
        await idle(pilot, server, 4)
        assert questions(pilot) == ["demo:haiku one", "demo:haiku two and more"]
        assert asked(server.requests[-1]) == questions(pilot)
        assert prompt(pilot).text == "something begun"
        assert "❯ something begun" in screen_rows(pilot.app)[-2]
        assert "‹ 2/2 ›" in screen_text(pilot.app)
        # Nothing was overwritten.
        store = pilot.app.workspace.store
        assert [row.id for row in await store.path(before[0].session, before[-1].id)] == [row.id for row in before]
        await pilot.press("alt+up", "up", "left")
        await wait_until(pilot, lambda: questions(pilot)[1:] == ["demo:haiku two", "demo:haiku three"])


async def test_escape_brings_back_what_was_in_the_prompt(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await pilot.press(*"begun", "alt+q")
        await wait_until(pilot, "editing question 1")
        assert prompt(pilot).text == "demo:haiku"
        store, session = pilot.app.workspace.store, open_session(pilot).id

        async def draft_is(text):
            for _ in range(200):
                if await store.draft(session) == text:
                    return
                await pilot.pause(0.02)
            raise AssertionError(await store.draft(session))

        await draft_is("begun")  # the question itself is on disk already
        await pilot.press("!")
        await draft_is("begun\n\ndemo:haiku!")
        await pilot.press("escape")
        await draft_is("begun")
        assert prompt(pilot).text == "begun"
        assert "editing" not in screen_text(pilot.app)
        assert len(server.requests) == 1


async def test_the_first_question_of_all_can_be_edited(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await say(pilot, "/edit")
        await wait_until(pilot, "There is no question to edit yet.")
        await ask(pilot, "demo:haiku")
        await say(pilot, "/edit")
        await wait_until(pilot, "editing question 1")
        await pilot.press(*" again", "enter")
        await idle(pilot, server, 2)
        assert questions(pilot) == ["demo:haiku again"]
        assert asked(server.requests[-1]) == ["demo:haiku again"]
        assert "‹ 2/2 ›" in screen_text(pilot.app)


async def test_while_an_answer_comes_the_words_stay_in_the_prompt(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await say(pilot, "demo:long tokens=2000 reasoning=10 speed=60")
        await wait_until(pilot, "answering")
        await pilot.press("alt+q", "enter")
        await wait_until(pilot, "Still answering.")
        assert prompt(pilot).text.startswith("demo:long")
        await pilot.press("escape")
        assert busy(pilot)
        assert prompt(pilot).text == ""
        await pilot.press("escape")
        await wait_until(pilot, lambda: not busy(pilot))


async def test_another_session_ends_the_editing_and_the_text_stays_with_its_own(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        first = open_session(pilot)
        await pilot.press(*"begun", "alt+q")
        await wait_until(pilot, "editing question 1")
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: open_session(pilot) is None)
        assert prompt(pilot).text == ""
        await pilot.app.screen.open(first)
        assert prompt(pilot).text == "begun"


async def test_a_question_of_a_branch_that_is_not_shown_any_more(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await ask(pilot, "demo:primes")
        await pilot.press("alt+q")
        await wait_until(pilot, "editing question 2")
        await pilot.press("alt+z")
        await wait_until(pilot, lambda: questions(pilot) == ["demo:haiku"])
        await pilot.press("alt+z")
        await wait_until(pilot, lambda: questions(pilot) == [])
        await pilot.press("enter")
        await idle(pilot, server, 3)
        assert questions(pilot) == ["demo:haiku", "demo:primes"]
        assert [part.stored.message.text for part in pilot.app.screen.view.document.messages][::2] == questions(pilot)


async def test_an_edited_question_that_cannot_be_asked_comes_back(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        for text in ("demo:haiku one", "demo:haiku two"):
            await ask(pilot, text)
        await pilot.press("alt+q")
        await wait_until(pilot, "editing question 2")
        chat.composer.editing = replace(chat.composer.editing, parent="gone")
        await pilot.press("!", "enter")
        await wait_until(pilot, "There is no finished message gone")
        assert prompt(pilot).text == "demo:haiku two!"
