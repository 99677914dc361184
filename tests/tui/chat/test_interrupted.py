from __future__ import annotations

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.chat.interrupted import CONTINUE
from stepchat.chat.workspace import StartOptions
from stepchat.config.paths import Paths
from stepchat.demo.server import DemoServer
from stepchat.events import Delta
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.sessions.store import SessionStore
from tests.tui.screen import screen_text
from tests.tui.window import ask, branch, busy, draft, open_session, say, wait_until, window

QUESTION = "demo:haiku and more"
HALF = (Delta(reasoning="Five"), Delta(text="Rain on the"))


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


async def killed(home, *turns):
    """Sessions, each a question and what had come of its answer when the program was gone."""
    store = SessionStore.open(Paths(home, home, home), accumulate=accumulate)
    sessions = []
    for question, deltas in turns:
        session = await store.create(model="stepfun/step-3.5-flash", server="x", system=None)
        asked = await store.append(session.id, None, UserMessage(question))
        answer = await store.begin_answer(session.id, asked.id, AssistantMessage(model="stepfun/step-3.5-flash"))
        await store.add_part(answer, deltas)
        sessions.append(session.id)
    # Closing gives up the lock, as a kill does.
    await store.close()
    return sessions


async def unanswered(home):
    store = SessionStore.open(Paths(home, home, home), accumulate=accumulate)
    session = await store.create(model="stepfun/step-3.5-flash", server="x", system=None)
    await store.append(session.id, None, UserMessage(QUESTION))
    await store.close()


def shown(pilot):
    session = open_session(pilot)
    return None if session is None else session.id


async def test_a_cut_answer_is_found_again_and_gone_on_from(tmp_path, server):
    (session,) = await killed(tmp_path, (QUESTION, HALF))
    async with window(tmp_path, server) as pilot:
        await wait_until(pilot, f"An answer was interrupted when stepchat exited: “{QUESTION}”. Alt+G opens it")
        await pilot.press("alt+g")
        await wait_until(pilot, "Alt+G continues, Alt+R retries, Alt+O dismisses this.")
        assert shown(pilot) == session
        await pilot.press("alt+g")
        await wait_until(pilot, lambda: bool(server.requests) and not busy(pilot))
        sent = [message["content"] for message in server.requests[0].body["messages"]]
        assert sent == [QUESTION, "Rain on the", CONTINUE]
        await say(pilot, "/continue")
        await wait_until(pilot, "The last answer is complete.")
        await say(pilot, "/keep")
        await wait_until(pilot, "No interrupted answer here.")
    async with window(tmp_path, server) as pilot:
        await wait_until(pilot, "all sessions")
        assert "cut when" not in screen_text(pilot.app)


@pytest.mark.parametrize(("come", "kept"), [((), "The question is"), (HALF[:1], "The reasoning is")])
async def test_where_no_word_of_an_answer_came_the_question_is_asked_again(tmp_path, server, come, kept):
    await killed(tmp_path, (QUESTION, come))
    async with window(tmp_path, server, StartOptions(latest=True)) as pilot:
        await wait_until(pilot, f"{kept} saved: Alt+R retries, Alt+O dismisses this.")
        await pilot.press("alt+g")
        await wait_until(pilot, lambda: bool(server.requests) and not busy(pilot))
        assert [message["content"] for message in server.requests[0].body["messages"]] == [QUESTION]
        assert await pilot.app.workspace.store.interrupted_answers() == []


async def test_each_of_several_is_told_and_what_is_kept_is_never_told_again(tmp_path, server):
    one, two, three = await killed(tmp_path, ("one", HALF), ("two", ()), ("three", HALF))
    async with window(tmp_path, server) as pilot:
        await wait_until(pilot, "3 answers were interrupted when stepchat exited: “three”, “two” and 1 more.")
        await pilot.press("alt+i")
        await wait_until(pilot, "15 characters received")
        await pilot.press("down", "enter")
        await wait_until(pilot, "2 other answers were interrupted: “three”, “one”. Alt+I shows them.")
        assert shown(pilot) == two
        await pilot.press("alt+o")
        await wait_until(pilot, "Kept as it is.")
    # Killed again: the others are still told, this one never more.
    async with window(tmp_path, server, StartOptions(latest=True)) as pilot:
        await wait_until(pilot, "Another answer was interrupted: “one”. Alt+I shows it.")
        assert shown(pilot) == three
        await pilot.press("alt+r")
        await wait_until(pilot, lambda: bool(server.requests) and not busy(pilot))
        await say(pilot, "/keep all")
        await wait_until(pilot, "Kept as it is.")
        await say(pilot, "/sessions one")
        await wait_until(pilot, lambda: shown(pilot) == one)
        assert "Rain on the" in screen_text(pilot.app)
        assert "Alt+O" not in screen_text(pilot.app)
        await pilot.press("alt+i")
        await wait_until(pilot, "No interrupted answers")


async def test_what_is_typed_at_the_start_does_not_hide_the_offer(tmp_path, server):
    await killed(tmp_path, (QUESTION, HALF))
    store = SessionStore.open(Paths(tmp_path, tmp_path, tmp_path), accumulate=accumulate)
    await store.set_draft(None, "half a question")
    await store.close()
    async with window(tmp_path, server) as pilot:
        await wait_until(pilot, f"An answer was interrupted when stepchat exited: “{QUESTION}”. Alt+G opens it")
        assert draft(pilot) == "half a question"


async def test_one_on_another_branch_is_shown_there(tmp_path, server):
    (session,) = await killed(tmp_path, (QUESTION, HALF))
    store = SessionStore.open(Paths(tmp_path, tmp_path, tmp_path), accumulate=accumulate)
    (cut,) = await store.interrupted_answers()
    await store.set_leaf(session, None)
    await store.close()
    async with window(tmp_path, server) as pilot:
        await wait_until(pilot, "Alt+G opens it")
        await pilot.press("alt+g")
        await wait_until(pilot, "Alt+O dismisses this.")
        assert branch(pilot)[-1].id == cut.answer


async def test_opening_a_session_without_an_answer_offers_to_ask(tmp_path, server):
    await unanswered(tmp_path)
    async with window(tmp_path, server) as pilot:
        await pilot.press("alt+g")
        await wait_until(pilot, "There is nothing to continue.")
        await say(pilot, "/sessions haiku")
        await wait_until(pilot, "This question has no answer yet.")
        # Kept as it is: one writes on.
        await ask(pilot, "demo:primes")
        assert server.requests[0].body["messages"][0]["content"] == QUESTION


async def test_thoughts_without_an_answer_are_gone_on_from_and_an_empty_answer_is_asked_again(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:empty")
        await wait_until(pilot, "The answer is empty. Alt+R retry")
        await pilot.press("alt+g")
        await wait_until(pilot, lambda: len(server.requests) == 2 and not busy(pilot))
        assert [message["content"] for message in server.requests[1].body["messages"]] == ["demo:empty"]
        await wait_until(pilot, "‹ 2/2 ›")
        chat = pilot.app.screen
        store, question = chat.workspace.store, branch(pilot)[0]
        await store.append(question.session, question.id, AssistantMessage(reasoning="Deep wool", stop="stop"))
        await chat.open(None)
        await chat.open(await store.session(question.session))
        await wait_until(pilot, "Alt+G answer from this reasoning")
        await pilot.press("alt+g")
        await wait_until(pilot, lambda: len(server.requests) == 3)
        assert "<thoughts>" in server.requests[2].body["messages"][-1]["content"]
