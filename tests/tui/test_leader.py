from __future__ import annotations

import pytest

from stepchat.tui.keymap import KeyRow, build_keymap
from stepchat.tui.leader import Leader, Step

ROWS = (
    KeyRow("retry", "chat", ("alt+r", "leader r"), ""),
    KeyRow("reasoning", "chat", ("leader space",), ""),
    KeyRow("half-up", "chat", ("leader u",), ""),
    KeyRow("half-down", "chat", ("leader d",), ""),
    KeyRow("editor", "chat", ("leader ctrl+e",), ""),
    KeyRow("effort-next", "chat", ("leader e",), ""),
    KeyRow("undo", "prompt", ("leader ctrl+u",), ""),
    KeyRow("line-start", "prompt", ("ctrl+a",), ""),
    KeyRow("cut", "prompt", ("super+x",), ""),
    KeyRow("rename", "sessions", ("leader r",), ""),
)


def ids(keys: str, contexts=("prompt", "chat"), pause: float = 0.2, **overrides) -> list[str]:
    """What became of each key: the id that ran, or what kind of step it was."""
    keymap, leader, now, found = build_keymap(ROWS, overrides), Leader(), 10.0, []
    for key in keys.split():
        step = leader.press(keymap, contexts, key, now)
        found.append(step.row.id if step.row is not None else step.kind)
        now += pause
    return found


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("r", ["pass"]),
        ("ctrl+x r r", ["pending", "retry", "pass"]),
        ("ctrl+x ctrl+r", ["pending", "retry"]),
        ("ctrl+x ctrl+e", ["pending", "editor"]),
        ("ctrl+x e", ["pending", "effort-next"]),
        ("ctrl+x ctrl+u", ["pending", "undo"]),
        ("ctrl+x escape r", ["pending", "cancelled", "pass"]),
        ("ctrl+x ctrl+g", ["pending", "cancelled"]),
        ("ctrl+x ctrl+c", ["pending", "cancelled"]),
        ("ctrl+x 0 0", ["pending", "unknown", "pass"]),
        ("ctrl+x ctrl+x", ["pending", "cut"]),
        ("ctrl+x u u d x u", ["pending", "half-up", "half-up", "half-down", "pass", "pass"]),
        ("ctrl+x u r", ["pending", "half-up", "pass"]),
        ("ctrl+x space", ["pending", "reasoning"]),
    ],
)
def test_sequences(keys, found):
    assert ids(keys) == found


def test_repeating_ends_after_a_second_and_waiting_for_the_second_key_does_not():
    assert ids("ctrl+x u u", pause=1.5) == ["pending", "half-up", "pass"]


def test_the_innermost_context_wins_and_a_context_without_sequences_has_no_leader():
    assert ids("ctrl+x r", ("sessions", "chat")) == ["pending", "rename"]
    assert ids("ctrl+x", ("page",)) == ["pass"]


def test_another_leader_or_none():
    assert ids("ctrl+x ctrl+a r", leader="ctrl+a") == ["pass", "pending", "retry"]
    assert ids("ctrl+a ctrl+a", leader="ctrl+a") == ["pending", "line-start"]
    assert ids("ctrl+x r", leader="none") == ["pass", "pass"]


def test_an_unknown_key_is_named_and_a_click_cancels():
    keymap, leader = build_keymap(ROWS, {}), Leader()
    leader.press(keymap, ("chat",), "ctrl+x", 0)
    assert leader.press(keymap, ("chat",), "question_mark", 0) == Step("unknown", label="Ctrl+X ?")
    leader.press(keymap, ("chat",), "ctrl+x", 0)
    leader.cancel()
    assert leader.press(keymap, ("chat",), "r", 0).kind == "pass"
