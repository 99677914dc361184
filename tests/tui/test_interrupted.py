from __future__ import annotations

import pytest

from stepchat.demo.server import DemoServer
from stepchat.draft import fold
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.paths import Paths
from stepchat.sessions.store import SessionStore
from stepchat.tui.interrupted import GO_ON
from stepchat.workspace import Request
from tests.tui.chat import ask, say, wait_until, window
from tests.tui.screen import screen_text


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


async def interrupted(home, *messages):
    """A session that ends with these."""
    store = SessionStore.open(Paths(home, home, home), fold=fold)
    session = await store.create(model="stepfun/step-3.5-flash", server="x", system=None)
    parent = None
    for message in messages:
        parent = (await store.append(session.id, parent, message)).id
    await store.close()
    return session


QUESTION = UserMessage("demo:haiku and more")
HALF = AssistantMessage(text="Rain on the", reasoning="Five", model="stepfun/step-3.5-flash", stop="cut")


async def test_a_cut_answer_is_found_again_and_gone_on_from(tmp_path, server):
    session = await interrupted(tmp_path, QUESTION, HALF)
    async with window(tmp_path, server) as pilot:
        shown = await wait_until(pilot, "“demo:haiku and more”. Alt+G opens it")
        assert "The last answer was cut when stepchat ended" in shown
        await pilot.press("alt+g")
        await wait_until(pilot, "Alt+G goes on from there, Ctrl+R asks again.")
        assert pilot.app.screen.conversation.session.id == session.id
        await pilot.press("alt+g")
        await wait_until(pilot, lambda: bool(server.requests) and not pilot.app.screen.conversation.busy)
        sent = [message["content"] for message in server.requests[0].body["messages"]]
        assert sent == ["demo:haiku and more", "Rain on the", GO_ON]
        await say(pilot, "/continue")
        await wait_until(pilot, "The last answer is whole.")
    async with window(tmp_path, server) as pilot:
        await wait_until(pilot, "Recent")
        assert "was cut" not in screen_text(pilot.app)


@pytest.mark.parametrize(
    "last", [[], [AssistantMessage(reasoning="Half a thou", model="stepfun/step-3.5-flash", stop="cut")]]
)
async def test_where_no_word_of_an_answer_came_the_question_is_asked_again(tmp_path, server, last):
    await interrupted(tmp_path, QUESTION, *last)
    async with window(tmp_path, server, Request(latest=True)) as pilot:
        await wait_until(pilot, "Ctrl+R asks")
        await pilot.press("alt+g")
        await wait_until(pilot, lambda: bool(server.requests) and not pilot.app.screen.conversation.busy)
        assert [message["content"] for message in server.requests[0].body["messages"]] == [QUESTION.text]


async def test_opening_a_session_without_an_answer_offers_to_ask(tmp_path, server):
    await interrupted(tmp_path, QUESTION)
    async with window(tmp_path, server) as pilot:
        await pilot.press("alt+g")
        await wait_until(pilot, "There is nothing to go on with.")
        await say(pilot, "/sessions haiku")
        await wait_until(pilot, "This question has no answer yet.")
        # Kept as it is: one writes on.
        await ask(pilot, "demo:primes")
        assert server.requests[0].body["messages"][0]["content"] == QUESTION.text
