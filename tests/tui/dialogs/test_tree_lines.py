from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from stepchat.messages import AssistantMessage, StoredMessage, Timing, ToolCall, ToolMessage, UserMessage
from stepchat.tui.dialogs.tree import leaf_count, matching, tree_lines


def asked(identity, parent, text, time=0.0):
    return StoredMessage(identity, "s", parent, UserMessage(text, time))


def answered(identity, parent, text="", **rest):
    return StoredMessage(identity, "s", parent, AssistantMessage(text=text, **rest))


def drawn(lines):
    return [f"{'*' if line.shown else ' '} {line.guide}{line.mark} {line.words}" for line in lines]


TREE = [
    asked("q1", None, "How many?"),
    answered("a1", "q1", "Ten."),
    asked("q2", "a1", "Sure?"),
    answered("a2", "q2", "Yes."),
    answered("a1b", "q1", "Eleven."),
    answered("a2b", "q2", "No."),
    asked("q3", "a1b", "Why?"),
    asked("p1", None, "Another beginning"),
]


def test_only_what_leaves_the_main_line_is_indented():
    assert drawn(tree_lines(TREE, "q3")) == [
        "  ├─ ❯ Another beginning",
        "* ❯ How many?",
        "  ├─ · Ten.",
        "  │  ❯ Sure?",
        "  │  ├─ · Yes.",
        "  │  · No.",
        "* · Eleven.",
        "* ❯ Why?",
    ]


def test_the_branch_that_is_shown_is_the_main_line():
    assert drawn(tree_lines(TREE, "a2")) == [
        "  ├─ ❯ Another beginning",
        "* ❯ How many?",
        "  ├─ · Eleven.",
        "  │  ❯ Why?",
        "* · Ten.",
        "* ❯ Sure?",
        "  ├─ · No.",
        "* · Yes.",
    ]
    assert leaf_count(TREE) == 4
    assert tree_lines(TREE, "a2")[1].siblings == ("q1", "p1")


def test_nothing_is_shown_after_everything_was_undone():
    assert [line.shown for line in tree_lines(TREE, None)] == [False] * 8
    assert tree_lines([], None) == []


def test_messages_without_words_and_hostile_ones():
    call = ToolCall("c", "get_time", "{}")
    tool = StoredMessage("t", "s", "a", ToolMessage("c", "get_time", "12:00"))
    messages = [
        asked("q", None, "a\x1b[31m\nb", 5.0),
        answered("a", "q", tool_calls=(call,), timing=Timing(9.0)),
        tool,
        answered("b", "t", reasoning="I think", stop="cancelled"),
    ]
    lines = tree_lines(messages, "b")
    assert [line.words for line in lines][1:] == ["→ get_time", "12:00", "(cancelled) I think"]
    assert "\x1b" not in lines[0].words
    assert [line.when for line in lines] == [5.0, 9.0, 9.0, 9.0]  # a tool's result has the time of what asked for it


def test_the_marks_of_markdown_are_not_shown():
    lines = tree_lines([asked("q", None, "## Of `x`\n\n```python\na ** b\n```"), answered("a", "q", "**1,229**")], "a")
    assert [line.words for line in lines] == ["Of x a ** b", "1,229"]


def test_all_words_must_be_there_in_any_case():
    assert [line.stored.id for line in matching(tree_lines(TREE, "q3"), "MANY how")] == ["q1"]
    assert len(matching(tree_lines(TREE, "q3"), " ")) == 8


@given(st.integers(0, 10_000), st.integers(1, 60))
def test_every_message_stands_once_and_below_its_parent(seed, count):
    source = random.Random(seed)
    messages = []
    for number in range(count):
        parent = source.choice([None, *(stored.id for stored in messages)]) if messages else None
        messages.append(asked(str(number), parent, f"text {number}"))
    lines = tree_lines(messages, source.choice(messages).id)
    places = {line.stored.id: row for row, line in enumerate(lines)}
    assert sorted(places, key=int) == [stored.id for stored in messages]
    assert all(places[line.stored.parent] < row for row, line in enumerate(lines) if line.stored.parent is not None)
    main = [line for line in lines if line.shown]
    assert all(not line.guide for line in main)
    assert [line.stored.parent for line in main] == [None, *(line.stored.id for line in main[:-1])]


def test_a_long_chain_needs_no_deep_calls():
    messages = [asked(str(number), str(number - 1) if number else None, "x") for number in range(5000)]
    assert len(tree_lines(messages, "4999")) == 5000
