"""Long questions are folded to their first and last lines."""

from __future__ import annotations

import pytest

from stepchat.demo.server import DemoServer
from stepchat.messages import UserMessage
from stepchat.transcript.question import FIRST_LINES, LAST_LINES, MOST_LINES, Question
from tests.tui.screen import screen_text
from tests.tui.window import ask, chat_screen, wait_until, window


def rows(question):
    return [block.text for edit in question.edits(0.0) for block in edit.blocks]


@pytest.mark.parametrize("count", [1, MOST_LINES, MOST_LINES + 1, 500])
def test_what_is_shown_of_a_question(count):
    lines = [f"line {number}" for number in range(count)]
    question = Question(UserMessage("\n".join(lines)), None, 1)
    assert question.has_panel == (count > MOST_LINES)
    if not question.has_panel:
        assert rows(question) == lines
        return
    shown = rows(question)
    assert shown[:FIRST_LINES] == lines[:FIRST_LINES]
    assert shown[-LAST_LINES:] == lines[-LAST_LINES:]
    assert len(shown) == FIRST_LINES + 1 + LAST_LINES
    assert not question.toggle()
    assert rows(question)[:count] == lines


async def test_a_long_question_is_found_and_unfolded(tmp_path):
    text = "demo:haiku\n" + "\n".join(f"row {number}" for number in range(100))
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, size=(80, 40)) as pilot:
            shown = await ask(pilot, text)
            assert "… 89 more lines" in shown
            assert "row 99" in shown
            assert "row 50" not in shown
            await pilot.press("ctrl+f", *"row 50", "enter")
            await wait_until(pilot, lambda: "row 50" in screen_text(pilot.app).split("Find:")[0])
            await pilot.press("escape", "escape")
            view = chat_screen(pilot).view
            view.scroll_home()
            await pilot.pause()
            await pilot.press("alt+up", "alt+up", "f")
            await wait_until(pilot, "more lines" if view.document.messages[0].question.panel == "folded" else "row 20")
