from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat.events import Delta, ToolCallFragment
from stepchat.messages import Failure, ToolCall, Usage
from stepchat.transcript import copying
from stepchat.transcript.find.navigator import FindNavigator
from stepchat.transcript.overlays.overlays import Overlays
from tests.transcript.chat import USAGE, answered, asked, everything, page, shown, stream, thoughts, tool, words

FOOT = "  step-3.5-flash · 1.2k reasoning + 310 output · $0.00045"
THOUGHT = "First I think.\nThen I think more.\n\n- a list\n- of thoughts\n"
TEXT = "There are **1,229**.\n\n```python\ndef f(): pass\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"


def test_a_whole_turn():
    viewport = page(asked("How many?\nTell me."), answered("There are **1,229**.", THOUGHT), asked("Thanks"), height=30)
    assert everything(viewport) == [
        "",
        "  ▌ How many?",
        "  ▌ Tell me.",
        "",
        "  ▸ Thought for 12 s · 1,204 tokens",
        "",
        "  There are 1,229.",
        "",
        FOOT,
        "",
        "",
        "  ▌ Thanks",
    ]


def test_open_reasoning_has_its_bar():
    viewport = page(answered("Done.", THOUGHT, folded=False))
    assert everything(viewport)[:8] == [
        "",
        "  ▾ Thought for 12 s · 1,204 tokens",
        "  │ First I think.",
        "  │ Then I think more.",
        "  │",
        "  │ • a list",
        "  │ • of thoughts",
        "",
    ]


def test_what_the_reader_chose_is_honoured():
    assert "  │ First I think." in everything(page(answered("Done.", THOUGHT, folded=False)))
    assert "  │ First I think." not in everything(page(answered("Done.", THOUGHT, folded=True)))
    assert "  │ First I think." not in everything(page(answered("", THOUGHT, folded=True)))


def test_waiting_then_thinking_then_answering():
    viewport = page(asked())
    document = viewport.document
    document.begin_answer(0.0, "waiting for step-3.5-flash")
    viewport.update_live(3.2, 0)
    assert shown(viewport)[3] == "  ⠋ waiting for step-3.5-flash · 3 s"
    document.feed(Delta(reasoning="Let me see.\n"), 4.0)
    viewport.update_live(4.0, 1)
    assert shown(viewport)[3:5] == ["  ▾ Thinking", "  │ Let me see."]
    viewport.update_live(11.3, 2)
    assert shown(viewport)[3] == "  ▾ Thinking · 7 s · ~3 tokens"
    document.feed(Delta(text="It is **so"), 12.0)
    viewport.update_live(12.0, 3)
    assert shown(viewport)[3:6] == ["  ▸ Thought for 8 s · ~3 tokens", "", "  It is so"]


def test_words_while_waiting_can_be_changed():
    viewport = page()
    viewport.document.begin_answer(0.0)
    viewport.document.live.waiting_for = "trying again in 3 s"
    viewport.update_live(0.5, 0)
    assert shown(viewport)[1] == "  ⠋ trying again in 3 s"


def test_tail_shows_the_last_rows_of_the_thinking():
    viewport = page()
    stream(viewport, thoughts("".join(f"Thought number {number}.\n" for number in range(20))))
    assert shown(viewport)[2:9] == [
        "  │ ⋯ 15 earlier lines",
        *(f"  │ Thought number {number}." for number in range(15, 20)),
        "",
    ]


@pytest.mark.parametrize(("view", "rows"), [("full", 20), ("hidden", 0), ("tail", 5)])
def test_reasoning_views(view, rows):
    viewport = page(height=40)
    viewport.document.reasoning_view = view
    stream(viewport, thoughts("".join(f"Thought number {number}.\n" for number in range(20))))
    assert sum("Thought number" in line for line in shown(viewport)) == rows
    assert "Thinking" in shown(viewport)[1]


def test_folded_reasoning_is_not_read():
    viewport = page()
    viewport.document.reasoning_view = "hidden"
    stream(viewport, thoughts(THOUGHT))
    live = viewport.document.live
    assert live.reasoning.blocks == []
    assert live.reasoning.source == THOUGHT


def finished(deltas, message, *, folded=None, view="tail", height=200):
    """The page of an answer that was streamed, and of the same answer loaded."""
    live = page(asked(), height=height)
    live.document.reasoning_view = view
    stream(live, deltas)
    live.document.finish_answer(message)
    loaded = page(height=height)
    loaded.document.reasoning_view = view
    loaded.document.show([asked(), message])
    return everything(live), everything(loaded)


@pytest.mark.parametrize("view", ["tail", "full", "hidden"])
@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"stop": "cancelled"},
        {"stop": "cut"},
        {"stop": "error", "error": Failure(502, "The provider is down.")},
        {"stop": "length"},
    ],
)
@pytest.mark.parametrize(("thought", "text"), [(THOUGHT, TEXT), ("", TEXT), (THOUGHT, ""), ("", "")])
def test_live_and_loaded_look_the_same(view, size, facts, thought, text):
    live, loaded = finished(thoughts(thought, size) + words(text, size), answered(text, thought, **facts), view=view)
    assert live == loaded


PIECES = [
    "word ",
    "**b",
    "o**",
    "`c`",
    "\n",
    "\n\n",
    "- ",
    "> ",
    "```\n",
    "| a |\n|---|\n",
    "#",
    " ",
    "[x]: /u\n",
    "<b>\n",
]


@given(st.lists(st.sampled_from(PIECES), max_size=25), st.lists(st.sampled_from(PIECES), max_size=25))
@settings(max_examples=150, deadline=None)
def test_any_answer_looks_the_same_live_and_loaded(thought, text):
    deltas = [Delta(reasoning=piece) for piece in thought] + [Delta(text=piece) for piece in text]
    live, loaded = finished(deltas, answered("".join(text), "".join(thought)))
    assert live == loaded


def test_answer_that_differs_from_what_was_streamed_wins():
    live, loaded = finished(words("streamed"), answered("stored"))
    assert live == loaded
    assert "  stored" in live


def test_text_that_was_reasoning_after_all_moves():
    viewport = page(height=30)
    stream(viewport, [*words("I think so.\n"), Delta(reasoning="Yes.\n", text_was_reasoning=True), *words("It is so.")])
    assert shown(viewport)[1:4] == ["  ▸ Thought for 0.2 s · ~4 tokens", "", "  It is so."]
    assert copying.last_reasoning(viewport.document) == "I think so.\nYes.\n"
    assert copying.last_answer(viewport.document) == "It is so."


def test_tool_calls_and_results():
    call = ToolCall("c", "get_time", '{"zone": "UTC",\n "x": 1}')
    viewport = page(
        asked(), answered("", "Look it up.", stop="tool_calls", tool_calls=(call,)), tool("12:00\n" * 9), height=40
    )
    rows = everything(viewport)
    assert '  → get_time {"zone": "UTC", "x": 1}' in rows
    assert "  ▸ ← get_time" in rows
    assert rows.count("  │ 12:00") == 6
    assert rows[-1] == "  … 3 more lines"


def test_reasoning_folds_when_a_tool_is_called():
    viewport = page(asked())
    stream(viewport, [*thoughts("Look it up."), Delta(tool_calls=(ToolCallFragment(0, "c", "f", "{}"),))])
    assert shown(viewport)[3].startswith("  ▸ Thought")


def test_encrypted_reasoning_is_present_but_hidden():
    details = ({"type": "reasoning.encrypted", "data": "gAAAA"},)
    viewport = page(answered("Done.", reasoning_details=details))
    assert everything(viewport)[1] == "  Reasoning hidden by the provider · 1,204 tokens"
    assert "gAAAA" not in "".join(everything(viewport))


def test_encrypted_reasoning_while_it_comes():
    viewport = page()
    stream(viewport, [Delta(details=({"type": "reasoning.encrypted", "data": "x"},))])
    assert shown(viewport)[1] == "  Reasoning hidden by the provider"


def test_reasoning_without_an_answer_says_so():
    rows = everything(page(answered("", "I think.")))
    assert "  No answer after the reasoning. Alt+G answer from this" in rows
    assert "  │ I think." in rows
    assert "  The answer is empty. Alt+R retry" in everything(page(answered("", "")))


def test_failed_answer_says_why_and_what_to_do():
    rows = everything(page(answered("Half", stop="error", error=Failure(502, "The provider is down."))))
    assert rows[1:5] == ["  Half", "", "  ✗ The provider is down.", FOOT]
    hint = " ".join(" ".join(rows[5:7]).split())
    assert hint == "The partial answer is saved. Alt+G continue · Alt+R retry"
    nothing = everything(page(answered("", stop="error", error=Failure(502, "The provider is down."))))
    assert not any("Alt+G" in row for row in nothing)


def test_a_late_cost_keeps_selection_hits_and_notice():
    before = [asked(), answered("It is a heron.", "A thought.", usage=Usage()), replace(asked("Sure?"), id="u2")]
    viewport = page(*before, width=70, height=30)
    document, seen = viewport.document, shown(viewport)
    overlays = Overlays(document)
    navigator = FindNavigator(overlays.search, viewport)
    navigator.search_for("heron")
    navigator.step(0)
    y = next(y for y, row in enumerate(seen) if "heron" in row)
    overlays.selection.begin(viewport, seen[y].index("heron"), y, "word")
    document.notice("Copied.", "", "info")
    viewport.render()
    messages, hit = list(document.messages), overlays.search.current
    after = [before[0], replace(before[1], message=replace(before[1].message, usage=USAGE)), before[2]]
    viewport.show_branch(after)
    assert document.messages == messages
    assert (overlays.selection.text(), overlays.search.current) == ("heron", hit)
    assert "  Copied." in shown(viewport)
    document.notice("", "", "info")
    document.dismiss_notice()
    assert everything(viewport) == everything(page(*after, width=70, height=30))


def test_hint_goes_with_the_next_message():
    viewport = page(answered("Half", stop="cut"))
    viewport.document.add(asked())
    assert not any("Alt+R" in row for row in everything(viewport))


def test_notice_stays_until_something_is_added():
    viewport = page(asked())
    viewport.document.notice("No server answers at http://x.", "Check the address.", "error")
    viewport.document.notice("No key.", "Set one.", "error")
    assert shown(viewport)[3:6] == ["  ✗ No key.", "  Set one.", ""]
    viewport.document.add(asked())
    assert "  No key." not in shown(viewport)


def test_notice_below_a_live_answer_does_not_stop_it():
    viewport = page()
    stream(viewport, words("one "))
    viewport.document.notice("Careful.", "", "warning")
    stream(viewport, words("two"))
    viewport.document.finish_answer(answered("one two"))
    rows = everything(viewport)
    assert rows.index("  one two") < rows.index("  ! Careful.")


def test_abandoned_answer_disappears():
    viewport = page(asked())
    before = shown(viewport)
    stream(viewport, words("half an answer"))
    viewport.document.abandon_answer()
    assert shown(viewport) == before
    assert viewport.document.live is None


def test_sources_are_what_was_written():
    viewport = page(asked("Q *1*"), answered(TEXT, THOUGHT), asked("Q2"), height=10)
    document = viewport.document
    assert copying.last_answer(document) == TEXT
    assert copying.last_reasoning(document) == THOUGHT
    assert (
        copying.conversation_markdown(document) == f"## You\n\nQ *1*\n\n## step-3.5-flash\n\n{TEXT}\n\n## You\n\nQ2\n"
    )


@pytest.mark.parametrize(
    "evil", ["\x1b[31m", "\x07", "\u202e", "\x9b", "[bold]x[/bold]", "\r", "\x1b]8;;http://x\x1b\\"]
)
def test_hostile_text_is_harmless_wherever_it_comes_from(evil):
    call = ToolCall("c", evil, evil)
    message = answered(
        evil, evil, folded=False, model=evil, provider=evil, stop="error", error=Failure(1, evil), tool_calls=(call,)
    )
    viewport = page(asked(evil), message, tool(evil), asked(f"a\n{evil}\nb"), height=60)
    viewport.document.notice(evil, evil, "error")
    for _, _, rows in viewport.document.forward(0, 0):
        for row in rows:
            assert row.text.isprintable()
            links = [segment.style.link for segment in row if segment.style is not None and segment.style.link]
            assert all(link in ("http://x", "https://x") for link in links)
    if evil.startswith("[bold]"):
        assert sum("[bold]x[/bold]" in row for row in everything(viewport)) >= 6


def test_very_long_prompt_is_laid_out_where_it_is_seen():
    viewport = page(asked("line\n" * 50_000 + "last"), height=10)
    assert shown(viewport)[8] == "  ▌ last"


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 60)), min_size=1, max_size=8), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_switching_branches_equals_showing_the_branch_from_scratch(steps, scrolled):
    """Each step keeps so many messages of the branch and puts another end to it."""
    viewport = page(width=50, height=12)
    branch = []
    for number, (kept, size) in enumerate(steps):
        branch = branch[: kept * 2]
        branch += [
            replace(asked(f"Question {number}"), id=f"q{number}"),
            replace(answered("word " * size, "A thought."), id=f"a{number}"),
        ]
        top = viewport.document.top
        before = (top.message, viewport.document.messages[top.message].stored.id if viewport.document.messages else "")
        viewport.show_branch(branch)
        if before[0] < len(branch) and branch[before[0]].id == before[1]:
            assert viewport.document.top == top  # what is in both does not move
        afresh = page(*branch, width=50, height=12)
        assert everything(viewport) == everything(afresh)
        assert viewport.document.height == len(everything(viewport))
        assert viewport.render()
        viewport.scroll(scrolled - 20)
        viewport.render()


@pytest.mark.parametrize("scrolled", [0, 5, 30])
def test_an_answer_does_not_move_when_its_cost_arrives_late(scrolled):
    text = "\n\n".join(f"Paragraph {number}." for number in range(30))
    before = [asked(), answered(text, "A thought.", usage=Usage())]
    viewport = page(*before, width=70, height=12)
    viewport.scroll(-scrolled)
    seen = shown(viewport)
    after = [before[0], replace(before[1], message=replace(before[1].message, usage=USAGE))]
    viewport.show_branch(after)
    assert everything(viewport) == everything(page(*after, width=70, height=12))
    assert viewport.document.height == len(everything(viewport))
    now = shown(viewport)
    # All but the last line, which tells what is known now.
    assert [row for row in now if "StepFun" not in row] == [row for row in seen if "StepFun" not in row]
    assert scrolled or any("$0.00045" in row for row in now)
