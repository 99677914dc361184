"""A fault in a turn ends the turn, and shows what is on disk."""

from __future__ import annotations

import pytest

from stepchat.chat.crash_report import summary
from stepchat.demo.server import DemoServer
from stepchat.messages import AssistantMessage
from tests.tui.refusing import RefusingStore
from tests.tui.window import ask, branch, busy, draft, say, wait_until, window, write


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


@pytest.mark.parametrize(
    ("refused", "saved"),
    [({"create"}, 0), ({"begin_answer", "insert"}, 0), ({"begin_answer"}, 1), ({"finish_answer"}, 1)],
)
async def test_a_fault_before_the_answer_is_there(tmp_path, server, refused, saved):
    async with window(tmp_path, server, wrapped=RefusingStore) as pilot:
        chat = pilot.app.screen
        store = chat.workspace.store
        store.refused, store.error = refused, KeyError("wrong")
        await say(pilot, "demo:haiku")
        await wait_until(pilot, "An internal error occurred: KeyError: 'wrong' (refusing.py:")
        await wait_until(pilot, lambda: not busy(pilot))
        assert (len(branch(pilot)), chat.view.live) == (saved, False)
        assert draft(pilot) == ("" if saved else "demo:haiku")
        store.refused = set()
        write(pilot, "")
        await ask(pilot, "demo:haiku again")

        assert chat.conversation.prompts[-1] == "demo:haiku again"


async def test_a_fault_while_the_answer_comes_shows_what_came(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        fault, feed = [KeyError("wrong")], chat.view.feed

        def faulty(delta):
            if delta.text and fault:
                raise fault.pop()
            feed(delta)

        chat.view.feed = faulty
        await say(pilot, "demo:haiku")
        await wait_until(pilot, "An internal error occurred: KeyError: 'wrong' (test_internal_errors.py:")
        await wait_until(pilot, lambda: not busy(pilot))
        answer = branch(pilot)[-1].message
        assert isinstance(answer, AssistantMessage)
        assert answer.reasoning
        assert (answer.stop, chat.view.live) == ("cancelled", False)
        assert chat.view.document.messages[1].stored == branch(pilot)[-1]
        await ask(pilot, "demo:haiku again")
        assert len(branch(pilot)) == 4


async def test_a_fault_after_the_answer_was_saved_shows_it(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen

        def faulty(_stored):
            raise KeyError("wrong")

        chat.view.finish_answer = faulty
        await say(pilot, "demo:cut")
        await wait_until(pilot, "An internal error occurred: KeyError: 'wrong'")
        await wait_until(pilot, lambda: not busy(pilot))
        assert [part.stored.id for part in chat.view.document.messages[:2]] == [row.id for row in branch(pilot)]
        assert not chat.view.live


def test_a_fault_without_words_and_place():
    assert summary(ValueError()) == "ValueError"
