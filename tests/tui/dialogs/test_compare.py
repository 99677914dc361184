from __future__ import annotations

import pytest

from stepchat.demo.server import DemoServer
from stepchat.messages import AssistantMessage, Timing, Usage
from stepchat.tui.dialogs.compare import fact_rows, short_facts, table
from tests.tui.screen import screen_rows, screen_text
from tests.tui.window import ask, say, wait_until, window


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


def ids(pilot):
    return [stored.id for stored in pilot.app.screen.conversation.path]


async def again(pilot, server, setting=""):
    """Ask again, and wait for the answer."""
    if setting:
        await say(pilot, f"/set {setting}")
        await pilot.pause(0.05)
    count = len(server.requests)
    await pilot.press("alt+r")
    await wait_until(pilot, lambda: len(server.requests) > count and not pilot.app.screen.conversation.busy)
    await pilot.pause(0.05)


async def test_two_answers_stand_side_by_side_and_one_is_gone_on_with(tmp_path, server):
    async with window(tmp_path, server, size=(120, 40)) as pilot:
        await say(pilot, "/compare")
        await wait_until(pilot, "There is no second answer")
        await ask(pilot, "demo:haiku")
        first = ids(pilot)
        await again(pilot, server, "temperature=0.5")
        second = ids(pilot)
        await pilot.press("alt+up")
        assert "= compare" in screen_rows(pilot.app)[-1]
        await pilot.press("=")
        await wait_until(pilot, "Tab side")
        shown = await wait_until(pilot, "≠ temperature")
        row = next(row for row in shown.split("\n") if "Rain on the window" in row)
        assert row.count("Rain on the window") == 2
        assert "‹ 1/2 › · step-3.5-flash" in shown
        assert "▌ ‹ 2/2 › · step-3.5-flash · shown" in shown
        assert [line.split() for line in shown.split("\n") if "temperature" in line] == [["≠", "temperature", "0.5"]]
        await pilot.press("f")
        await wait_until(pilot, lambda: screen_text(pilot.app).count("▾ Thought") == 2)
        await pilot.press("s", "f")
        await wait_until(pilot, lambda: screen_text(pilot.app).count("▾ Thought") == 1)
        await pilot.press("tab", "enter")
        await wait_until(pilot, lambda: hasattr(pilot.app.screen, "conversation") and ids(pilot) == first)
        await wait_until(pilot, "‹ 1/2 ›")
        assert second[1] != first[1]


async def test_sides_walk_over_the_siblings_without_meeting(tmp_path, server):
    async with window(tmp_path, server, size=(120, 40)) as pilot:
        await ask(pilot, "demo:haiku")
        await again(pilot, server)
        await again(pilot, server)
        before = ids(pilot)
        await say(pilot, "/compare")
        await wait_until(pilot, "▌ ‹ 3/3 ›")
        assert "  ‹ 2/3 ›" in screen_text(pilot.app)
        await pilot.press("left")
        await wait_until(pilot, "▌ ‹ 1/3 ›")
        await pilot.press("left", "right")
        await wait_until(pilot, "▌ ‹ 3/3 ›")
        await pilot.press("tab", "left")
        await wait_until(pilot, "▌ ‹ 1/3 ›")
        await pilot.press("c")
        await wait_until(pilot, lambda: pilot.app.clipboard.startswith("Rain on the window"))
        await pilot.press("escape")
        await wait_until(pilot, lambda: hasattr(pilot.app.screen, "conversation"))
        assert ids(pilot) == before


async def test_in_a_small_window_one_stands_above_the_other(tmp_path, server):
    async with window(tmp_path, server, size=(60, 16)) as pilot:
        await ask(pilot, "demo:haiku")
        await again(pilot, server, "temperature=0.5")
        await say(pilot, "/compare")
        shown = await wait_until(pilot, "▌ ‹ 2/2 ›")
        first, second = (next(at for at, row in enumerate(shown.split("\n")) if f"{n}/2" in row) for n in (1, 2))
        assert first < second
        assert ("temperature" in shown, "new text" in shown) == (False, False)
        await pilot.press("down", "down", "down")
        await wait_until(pilot, lambda: screen_text(pilot.app).count("Rain on the window") == 2)
        await pilot.press("tab")
        await wait_until(pilot, "▌ ‹ 1/2 ›")
        await pilot.press("t")
        shown = await wait_until(pilot, "≠ temperature")
        assert "Rain" not in shown
        await pilot.press("down", "t")
        await wait_until(pilot, "Rain")
        await pilot.resize_terminal(120, 40)
        await wait_until(pilot, lambda: screen_text(pilot.app).count("Rain") == 2)


def answer(cost, first, **rest):
    usage = Usage({"completion_tokens": 300, "completion_tokens_details": {"reasoning_tokens": 100}, "cost": cost})
    timing = Timing(1.0, first_reasoning=first, first_text=first + 2, ended=first + 12)
    return AssistantMessage(text="x", model="m/one", provider="P", usage=usage, timing=timing, **rest)


def test_what_differs_comes_first_and_what_is_not_known_of_either_is_left_out():
    left = answer(0.001, 0.5, parameters={"temperature": 0.5, "stop": ["a"]})
    right = answer(0.002, 0.5, parameters={"temperature": 1, "seed": 7})
    rows = {row.name: (row.left, row.right) for row in fact_rows(left, right)}
    assert rows == {
        "cost": ("$0.0010", "$0.0020"),
        "temperature": ("0.5", "1"),
        "stop": ('["a"]', ""),
        "seed": ("", "7"),
        "model": ("m/one", "m/one"),
        "provider": ("P", "P"),
        "ended": ("finished normally", "finished normally"),
        "first token": ("0.50 s", "0.50 s"),
        "reasoning time": ("2.00 s", "2.00 s"),
        "duration": ("12 s", "12 s"),
        "reasoning tokens": ("100", "100"),
        "output tokens": ("200", "200"),
        "speed": ("25 tok/s", "25 tok/s"),
    }
    assert list(rows)[:4] == ["cost", "temperature", "stop", "seed"]
    bare = fact_rows(AssistantMessage(stop="cut"), AssistantMessage())
    assert [(row.name, row.left, row.right) for row in bare] == [("ended", "interrupted", "finished normally")]


def test_hostile_parameters_and_models_stay_in_their_line():
    left = AssistantMessage(model="\x1b[31mred\nline", parameters={"us\x1ber": "a\nb" * 500})
    text = table(left, AssistantMessage(), 80).plain
    assert "\x1b" not in text
    assert all(len(line) <= 82 for line in text.split("\n"))


def test_the_table_marks_what_differs():
    lines = table(answer(0.001, 0.5), answer(0.002, 0.5), 100).plain.split("\n")
    assert lines[0].split() == ["≠", "cost", "$0.0010", "$0.0020"]
    assert lines[0].index("$0.0020") == 52
    assert not any("≠" in line for line in lines[1:])


def test_an_answer_that_did_not_finish_normally_says_so():
    timing = Timing(1.0, ended=5.0)
    assert short_facts(AssistantMessage(stop="length", timing=timing)) == "5.00 s · truncated by a token limit"
