from __future__ import annotations

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.chat.workspace import StartOptions
from stepchat.config.paths import Paths
from stepchat.demo.server import DemoServer
from stepchat.events import Delta
from stepchat.messages import ToolMessage, UserMessage
from stepchat.sessions.store import SessionStore
from tests.transcript.chat import answered, asked
from tests.tui.screen import screen_rows, screen_text
from tests.tui.window import ask, branch, busy, draft, focused, open_session, say, wait_until, window


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


async def test_keys_walk_over_the_messages_and_letters_act(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await ask(pilot, "demo:primes")
        chat = pilot.app.screen
        await pilot.press("alt+up")
        assert focused(pilot) == branch(pilot)[3].message.text
        status = screen_rows(pilot.app)[-1]
        assert "answer 2" in status
        assert "Enter menu  Esc prompt  c copy  b code  t reasoning  f fold" in status
        await pilot.press("up")
        assert focused(pilot) == "demo:primes"
        assert "f fold" not in screen_rows(pilot.app)[-1]
        assert "▌ ▌ demo:primes" in screen_text(pilot.app)
        await pilot.press("alt+up")
        assert focused(pilot) == branch(pilot)[1].message.text
        await pilot.press("f")
        await wait_until(pilot, "▾ Thought")
        await pilot.press("c")
        await wait_until(pilot, lambda: pilot.app.clipboard == focused(pilot))
        await pilot.press("escape")
        assert focused(pilot) is None
        assert chat.focused is chat.prompt
        assert "Esc prompt" not in screen_rows(pilot.app)[-1]


CODE = "Two ways:\n\n```python\nfor n in range(9):\n    print(n)\n```\n\nor\n\n```sh\nseq 8\n```\n\nSee [a](https://a.example/x)."


async def test_code_thoughts_and_links_of_the_message_in_focus(tmp_path):
    async with window(tmp_path, None, size=(60, 24)) as pilot:
        chat = pilot.app.screen
        chat.view.show(
            [asked("Q1"), answered(CODE, "First a thought."), asked("Q2"), answered("Said [b](https://b.example).")]
        )
        await pilot.press("alt+up", "up", "up")
        assert focused(pilot) == CODE
        status = screen_rows(pilot.app)[-1]
        assert "Enter menu  Esc prompt  c copy  b code" in status
        await pilot.press("b")
        listed = await wait_until(pilot, "Which code block?")
        assert "for n in range(9):" in listed
        assert "python · 2 lines" in listed
        await pilot.press("down", "enter")
        await wait_until(pilot, lambda: pilot.app.clipboard == "seq 8")
        await pilot.press("1")
        await wait_until(pilot, lambda: pilot.app.clipboard == "for n in range(9):\n    print(n)")
        await pilot.press("t")
        await wait_until(pilot, lambda: pilot.app.clipboard == "First a thought.")
        for keys in (["l"], ["ctrl+x", "h"]):
            await pilot.press(*keys)
            listed = await wait_until(pilot, "https://a.example/x")
            assert "b.example" not in listed
            await pilot.press("escape")
            await wait_until(pilot, lambda: "Links of" not in screen_text(pilot.app))
        assert focused(pilot) == CODE


async def test_what_has_come_of_an_answer_can_be_copied_and_folded(tmp_path):
    async with window(tmp_path, None) as pilot:
        view = pilot.app.screen.view
        view.show([asked("Q")])
        view.begin_answer(model="m")
        await pilot.press("alt+up")
        await wait_until(pilot, "Esc prompt  c copy  f fold")
        await pilot.press("c")
        await wait_until(pilot, "There is no answer to copy yet.")
        view.feed(Delta(reasoning="A thought."))
        view.feed(Delta(text="So *far*"))
        await pilot.press("c")
        await wait_until(pilot, lambda: pilot.app.clipboard == "So *far*")
        await pilot.press("f")
        await wait_until(pilot, "A thought.")


async def test_home_and_end_go_to_the_first_message_and_the_last(tmp_path):
    async with window(tmp_path, None) as pilot:
        chat = pilot.app.screen
        turns = [message for number in range(30) for message in (asked(f"Question {number}"), answered("Yes."))]
        chat.view.show(turns)
        await pilot.press("alt+up", "home")
        assert focused(pilot) == "Question 0"
        await pilot.press("up")
        assert focused(pilot) == "Question 0"
        await wait_until(pilot, "▌ ▌ Question 0")
        await pilot.press("end")
        assert chat.view.overlays.focus.index == 59
        await pilot.press("pageup", "pageup", "up")  # from what is in sight on
        assert 40 < chat.view.overlays.focus.index < 56
        await pilot.press("end", "down")
        assert chat.prompt.has_focus


async def test_a_long_tool_result_is_opened_by_key_and_by_click_and_that_is_remembered(tmp_path, server):
    store = SessionStore.open(Paths(tmp_path, tmp_path, tmp_path), accumulate=accumulate)
    session = await store.create(model="stepfun/step-3.5-flash", server="x", system=None)
    asked = await store.append(session.id, None, UserMessage("What time is it?"))
    lines = "\n".join(f"line {number}" for number in range(9))
    await store.append(session.id, asked.id, ToolMessage("c", "get_time", lines))
    await store.close()
    async with window(tmp_path, server, StartOptions(latest=True)) as pilot:
        await wait_until(pilot, "… 3 more lines")
        await pilot.press("alt+up")
        assert "f fold" in screen_rows(pilot.app)[-1]
        await pilot.press("f")
        await wait_until(pilot, "line 8")
        keeping = pilot.app.screen.workspace.store
        assert (await keeping.path(session.id))[-1].folded is False
        head = next(y for y, row in enumerate(screen_rows(pilot.app)) if "get_time" in row)
        await pilot.click("#transcript", offset=(10, head))
        await wait_until(pilot, "… 3 more lines")
        assert (await keeping.path(session.id))[-1].folded is True


async def test_alt_with_a_letter_is_a_command_also_on_a_message(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        session = open_session(pilot).id
        await pilot.press("alt+up", "alt+k", "alt+j")
        assert draft(pilot) == ""
        assert open_session(pilot).id == session
        assert len(await pilot.app.screen.workspace.store.sessions()) == 1


async def test_a_letter_that_means_nothing_says_so_and_goes_nowhere(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await pilot.press("alt+up", "W")
        await wait_until(pilot, "No action on W. Enter lists the actions, Esc returns to the prompt.")
        assert focused(pilot)
        await pilot.press("9")
        await wait_until(pilot, "No action on 9.")
        await pilot.press("escape", "W", "h", "y")
        assert draft(pilot) == "Why"
        await pilot.press("alt+down")
        assert focused(pilot) == "demo:haiku"
        await pilot.press("down", "down", "!")
        assert draft(pilot) == "Why!"


async def test_enter_opens_the_menu(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await pilot.press("alt+up", "enter")
        await wait_until(pilot, "Fork a new session from here")
        assert "Answer 1" in screen_text(pilot.app)
        await pilot.press("down", "down", "enter")
        await wait_until(pilot, "▾ Thought")
        assert focused(pilot)
        for keys in (["f"], ["j", "j", "k", "down", "enter"]):
            await pilot.press("enter")
            await wait_until(pilot, "Fork a new session from here")
            await pilot.press(*keys)
            await wait_until(pilot, "▸ Thought" if keys == ["f"] else "▾ Thought")


async def test_a_message_stays_in_focus_while_another_answer_comes(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await pilot.press("alt+up", "up")
        await pilot.press("escape")
        await say(pilot, "demo:long tokens=3000 reasoning=10 speed=60")
        await wait_until(pilot, "answering")
        for _ in range(4):
            await pilot.press("alt+up")
        assert focused(pilot) == "demo:haiku"
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert focused(pilot) == "demo:haiku"
        assert "▌ ▌ demo:haiku" in screen_text(pilot.app)
        await pilot.press("r")
        await wait_until(pilot, "Still answering.")
        await pilot.press("escape", "escape")
        await wait_until(pilot, lambda: not busy(pilot))


async def test_a_click_on_the_edge_puts_a_message_in_focus(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        shown = await ask(pilot, "demo:haiku")
        row = next(y for y, line in enumerate(shown.splitlines()) if "demo:haiku" in line)
        await pilot.click("#transcript", offset=(2, row))
        assert focused(pilot) == "demo:haiku"
        await pilot.press("F")
        await wait_until(pilot, "Forked to a new session")
        assert len(branch(pilot)) == 1
        await pilot.click("#prompt")
        assert focused(pilot) is None


async def test_regenerating_an_earlier_answer_makes_a_branch_there(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await ask(pilot, "demo:primes")
        first = list(branch(pilot))
        for _ in range(3):
            await pilot.press("alt+up")
        await pilot.press("r")
        await wait_until(pilot, lambda: len(server.requests) == 3 and not busy(pilot))
        assert [stored.id for stored in branch(pilot)[:1]] == [first[0].id]
        assert len(branch(pilot)) == 2
        assert "demo:primes" not in screen_text(pilot.app)
        assert [message["content"] for message in server.requests[-1].body["messages"]] == ["demo:haiku"]
        stored = await pilot.app.workspace.store.messages(first[0].session)
        assert [message.id for message in stored][:4] == [message.id for message in first]
        assert len(stored) == 5


@pytest.mark.parametrize("key", ["ctrl+n", "alt+z"])
async def test_no_letter_is_lost_when_the_message_in_focus_has_gone(tmp_path, server, key):
    """With another session the prompt has the keys at once, with another branch from the next letter on."""
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        chat = pilot.app.screen
        await pilot.press("alt+up", key)
        await wait_until(pilot, lambda: not branch(pilot))
        assert chat.prompt.has_focus or key == "alt+z"
        await pilot.press(*"Call")
        assert draft(pilot) == "Call"
