from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from stepchat.chat.workspace import StartOptions
from stepchat.config.paths import Paths
from stepchat.demo.server import DemoServer
from stepchat.messages import AssistantMessage, UserMessage
from tests.tui.screen import screen_text
from tests.tui.window import ask, branch, draft, say, wait_until, window, write


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


def conversation(pilot):
    return pilot.app.screen.conversation


async def test_the_welcome_stays_until_the_first_message(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        shown = await wait_until(pilot, "/ commands")
        assert "all sessions" not in shown  # there are none
        await pilot.press("h", "i")
        assert "sent back with your next question" in screen_text(pilot.app)
        assert "sent back with your next question" not in await ask(pilot, "demo:haiku")
        await pilot.press("ctrl+n")
        await wait_until(pilot, "all sessions")


async def test_the_rows_of_the_welcome_open_sessions(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await pilot.press("ctrl+n")
        await ask(pilot, "demo:primes")
        await pilot.press("ctrl+n")
        assert "2     now  demo:haiku" in await wait_until(pilot, "1     now  demo:primes")
        await pilot.press("1")  # the prompt has the keys
        assert draft(pilot) == "1"
        await pilot.press("backspace", "alt+up", "x")
        assert draft(pilot) == "x"
        await pilot.press("backspace", "alt+up", "alt+down")
        await pilot.press("alt+up", "up", "enter")
        await wait_until(pilot, lambda: conversation(pilot).path[0].message.text == "demo:primes")
        await pilot.press("ctrl+n")
        await wait_until(pilot, "1     now  demo:primes")
        await pilot.press("alt+up", "2")
        await wait_until(pilot, lambda: conversation(pilot).path[0].message.text == "demo:haiku")
        await pilot.press("ctrl+n")
        shown = await wait_until(pilot, "1     now")
        row = next(at for at, line in enumerate(shown.split("\n")) if "1     now" in line)
        await pilot.click(offset=(20, row))
        await wait_until(pilot, lambda: len(conversation(pilot).path) == 2)


async def test_the_welcome_of_the_demo_offers_questions(tmp_path):
    async with window(tmp_path, None, StartOptions(demo=True), STEPCHAT_BASE_URL="") as pilot:
        await wait_until(pilot, "1  How many primes")
        await pilot.press("alt+up", "1")
        await wait_until(pilot, lambda: bool(conversation(pilot).path))
        assert conversation(pilot).path[0].message.text.startswith("How many primes")


async def test_the_welcome_lists_no_one_shot_runs(tmp_path):
    async with window(tmp_path, None) as pilot:
        store = pilot.app.workspace.store
        for one_shot, words in ((False, "In the window"), (True, "In the shell"), (True, "Continued")):
            session = await store.create(model="a/b", server="http://localhost/", system=None, one_shot=one_shot)
            for _ in range(1 + (words == "Continued")):
                leaf = (await store.session(session.id)).leaf
                await store.append(session.id, leaf, UserMessage(words))
        await pilot.app._chat.greet()
        shown = await wait_until(pilot, "In the window")
        assert "Continued" in shown
        assert "In the shell" not in shown
        await pilot.press("ctrl+o")
        await wait_until(pilot, "one-shot · In the shell")


async def test_question_thinking_and_answer_are_shown_and_kept(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        shown = await ask(pilot, "demo:haiku")
        assert "demo:haiku" in shown
        assert "Thought" in shown
        question, answer = conversation(pilot).path
        assert question.message.text == "demo:haiku"
        assert "Rain on the window" in shown
        assert [stored.id for stored in await pilot.app.workspace.store.path(question.session)] == [
            question.id,
            answer.id,
        ]


async def test_reasoning_goes_back_with_the_next_question(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:details")
        await ask(pilot, "demo:haiku")
        first = conversation(pilot).path[1].message
        sent = server.requests[-1].body["messages"][1]
        assert sent["reasoning_details"] == list(first.reasoning_details)
        assert "reasoning" not in sent


async def test_ctrl_t_folds_and_opens_and_the_choice_is_kept(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        assert "▸ Thought" in await ask(pilot, "demo:haiku")
        await pilot.press("ctrl+t")
        await pilot.pause()
        assert "▾ Thought" in screen_text(pilot.app)
        answer = conversation(pilot).path[-1]
        await wait_until(pilot, lambda: True)
    async with window(tmp_path, server, StartOptions(latest=True)) as pilot:
        await wait_until(pilot, "▾ Thought")
        assert conversation(pilot).path[-1].id == answer.id


async def test_escape_stops_and_keeps_what_came(tmp_path):
    with DemoServer(speed=200) as server:
        async with window(tmp_path, server) as pilot:
            await say(pilot, "demo:long tokens=5000 reasoning=20")
            await wait_until(pilot, "answering")
            await pilot.press("escape")
            await wait_until(pilot, lambda: not conversation(pilot).busy)
            answer = conversation(pilot).path[-1].message
            assert isinstance(answer, AssistantMessage)
            assert answer.stop == "cancelled"
            assert answer.text
            assert "Stopped" in screen_text(pilot.app)


async def test_message_sent_while_an_answer_streams_waits_its_turn(tmp_path):
    with DemoServer(speed=200) as server:
        async with window(tmp_path, server) as pilot:
            await say(pilot, "demo:slow wait=1 speed=0")
            await say(pilot, "demo:haiku speed=0")
            assert "queued  demo:haiku speed=0" in screen_text(pilot.app)
            await wait_until(pilot, lambda: len(conversation(pilot).path) == 4 and not conversation(pilot).busy)
            assert conversation(pilot).path[2].message.text == "demo:haiku speed=0"


@pytest.mark.parametrize("begun", [True, False])
async def test_escape_returns_queued_messages_once_each(tmp_path, begun):
    with DemoServer(speed=50) as server:
        async with window(tmp_path, server) as pilot:
            await say(pilot, "demo:long tokens=5000 reasoning=20")
            if begun:
                await wait_until(pilot, "answering")
            for text in ("one", "two", "three"):
                await say(pilot, text)
            write(pilot, "four")
            await pilot.press("escape")
            await wait_until(pilot, lambda: not conversation(pilot).busy)
            await pilot.pause(0.1)
            lines = [line for line in draft(pilot).split("\n") if line]
            # A question that was not saved yet returns as well, in its place.
            assert lines[-4:] == ["one", "two", "three", "four"]
            assert len(lines) == (4 if branch(pilot) else 5)
            assert not conversation(pilot).queue


async def test_escape_after_a_search_stops_a_running_answer_first(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await ask(pilot, "demo:primes")
            await say(pilot, "demo:long tokens=5000 reasoning=20 speed=50")
            await wait_until(pilot, "answering")
            await pilot.press("ctrl+f", *"eratosthenes", "enter", "escape")
            await pilot.press("escape")
            await wait_until(pilot, lambda: not conversation(pilot).busy)
            assert not pilot.app.screen.view.follow


async def test_failed_answer_says_why_and_can_be_asked_again(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        shown = await ask(pilot, "demo:http402")
        assert "402" in shown
        assert "Alt+R" in shown
        first = conversation(pilot).path
        await pilot.press("alt+r")
        await wait_until(pilot, lambda: len(server.requests) >= 2 and not conversation(pilot).busy)
        again = conversation(pilot).path
        assert again[0].id == first[0].id
        assert again[1].id != first[1].id
        assert again[1].parent == first[1].parent


async def test_unknown_command_stays_in_the_prompt(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await say(pilot, "/nonsense")
        await wait_until(pilot, "There is no command /nonsense")
        assert draft(pilot) == "/nonsense"


async def test_live_and_resumed_look_the_same(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        live = await ask(pilot, "demo:welcome")
    async with window(tmp_path, server, StartOptions(latest=True)) as pilot:
        first_words = live.splitlines()[-8].strip()
        resumed = await wait_until(pilot, first_words)
        assert resumed.splitlines()[:-1] == live.splitlines()[:-1]


@pytest.mark.parametrize("size", [(60, 16), (20, 6), (200, 60)])
async def test_every_size_works(tmp_path, server, size):
    async with window(tmp_path, server, size=size) as pilot:
        shown = await ask(pilot, "demo:welcome")
        assert len(shown.splitlines()) == size[1]
        assert "❯" in shown


async def test_resizing_keeps_everything_working(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:welcome")
        for size in ((60, 16), (200, 60), (10, 4), (100, 30)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert "❯ Ask, or / for commands" in screen_text(pilot.app)


@pytest.mark.parametrize("scenario", ["hostile"])
async def test_hostile_text_reaches_no_cell(tmp_path, server, scenario):
    async with window(tmp_path, server, size=(100, 50)) as pilot:
        await ask(pilot, f"demo:{scenario}")
        await pilot.press("ctrl+t")
        await pilot.pause()
        shown = screen_text(pilot.app)
        bad = [c for c in shown if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2066\u200f")]
        assert bad == []
        assert "[bold]" in shown or "[red]" in shown or "[/" in shown


async def test_new_and_open_again(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: conversation(pilot).session is None)
        assert "Thought" not in screen_text(pilot.app)
        await pilot.press("ctrl+o")
        await wait_until(pilot, "Enter open")
        await wait_until(pilot, "demo:haiku")
        await pilot.press("enter")
        await wait_until(pilot, "Thought")


async def test_quitting_in_mid_answer_keeps_the_partial(tmp_path):
    with DemoServer(speed=200) as server:
        async with window(tmp_path, server) as pilot:
            await say(pilot, "demo:long tokens=5000 reasoning=20")
            await wait_until(pilot, "answering")
            await pilot.press("ctrl+q")
            await pilot.pause(0.2)
        async with window(tmp_path, server, StartOptions(latest=True)) as pilot:
            await wait_until(pilot, lambda: len(conversation(pilot).path) == 2)
            answer = conversation(pilot).path[-1].message
            assert (answer.stop, bool(answer.text)) == ("cancelled", True)


async def test_an_answer_that_the_disk_refuses_stays_on_the_screen_until_it_is_saved(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        with closing(sqlite3.connect(Paths(tmp_path, tmp_path, tmp_path).database)) as disk:
            disk.execute("CREATE TRIGGER full BEFORE UPDATE OF owner ON message BEGIN SELECT RAISE(ABORT, 'full'); END")
            await say(pilot, "demo:haiku")
            shown = await wait_until(pilot, "The answer is not saved yet")
            assert "Rain on the window" in shown
            assert (draft(pilot), conversation(pilot).busy) == ("", True)
            disk.execute("DROP TRIGGER full")
        await pilot.press("escape")
        shown = await wait_until(pilot, "The answer is saved now.")
        await wait_until(pilot, lambda: not conversation(pilot).busy)
        answer = conversation(pilot).path[-1]
        assert answer.message.stop == "stop"
        assert "Rain on the window" in shown
        assert await pilot.app.workspace.store.path(answer.session) == conversation(pilot).path
        assert draft(pilot) == ""


async def test_resume_without_a_value_lets_one_choose(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
    async with window(tmp_path, server, StartOptions(resume="")) as pilot:
        await wait_until(pilot, "Enter open")
        await wait_until(pilot, "demo:haiku")
        await pilot.press("enter")
        await wait_until(pilot, "Thought")


async def test_a_fold_that_cannot_be_kept_does_not_end_the_turn(tmp_path):
    with DemoServer(speed=200) as server:
        async with window(tmp_path, server) as pilot:
            with closing(sqlite3.connect(Paths(tmp_path, tmp_path, tmp_path).database)) as disk:
                disk.execute(
                    "CREATE TRIGGER full BEFORE UPDATE OF folded ON message BEGIN SELECT RAISE(ABORT, 'full'); END"
                )
            await say(pilot, "demo:slow wait=2 speed=0")
            conversation(pilot).fold_live(folded=True)
            await wait_until(pilot, "Everything saved before is safe.")
            await wait_until(pilot, lambda: not conversation(pilot).busy)
            assert len(conversation(pilot).path) == 2
            assert draft(pilot) == ""


async def test_a_window_that_saves_nothing_says_so(tmp_path):
    def unsaved(store):
        store.not_saved = "sessions.db is not a session database."
        return store

    async with window(tmp_path, None, wrapped=unsaved) as pilot:
        shown = await wait_until(pilot, "Nothing is saved.")
        assert "sessions.db is not a session database." in shown
