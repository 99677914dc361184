from __future__ import annotations

from stepchat.tui.dialog_keys import DEFAULTS, DIALOG_ROWS
from stepchat.tui.dialogs.key_hints import hint_keys, hint_label, hint_lines
from stepchat.tui.keymap import build_keymap

KEYS = (("Enter", "open"), ("Tab", "mark"), ("Ctrl+R", "rename"), ("Esc", "close"))


def plain(width, most=1):
    return [line.plain for line in hint_lines(KEYS, width, most)]


def test_only_whole_keys_are_shown():
    assert plain(60) == ["Enter open  Tab mark  Ctrl+R rename  Esc close"]
    assert plain(45) == ["Enter open  Tab mark  Ctrl+R rename"]
    assert plain(22) == ["Enter open  Tab mark"]


def test_as_many_lines_as_are_allowed():
    assert plain(26, 2) == ["Enter open  Tab mark", "Ctrl+R rename  Esc close"]
    assert plain(12, 2) == ["Enter open", "Tab mark"]


def test_a_hint_names_the_keys_in_force():
    assert hint_label(DEFAULTS, "sessions.mark") == "Tab"
    assert hint_label(DEFAULTS, "page.up page.down") == "↑↓"
    assert hint_label(DEFAULTS, "inspector.answer-previous inspector.answer-next") == "Alt+↑↓"
    rebound = build_keymap(DIALOG_ROWS, {"sessions": {"rename": "f2", "pin": "none"}, "page": {"up": "k"}})
    assert hint_label(rebound, "sessions.rename") == "F2"
    assert hint_label(rebound, "sessions.pin") == ""
    assert hint_label(rebound, "page.up page.down") == "k/Down"


def test_what_follows_the_leader_comes_last_and_goes_first():
    hints = (("list.accept", "open"), ("list.close", "close"), ("sessions.rename", "rename"), ("sessions.pin", "pin"))
    keys, following = hint_keys(DEFAULTS, hints)
    assert keys == [("Enter", "open"), ("Esc", "close")]
    assert following == [("Ctrl+X …  r", "rename"), ("p", "pin")]
    assert [line.plain for line in hint_lines(keys, 60, 1, following)] == [
        "Enter open  Esc close  Ctrl+X …  r rename  p pin"
    ]
    assert [line.plain for line in hint_lines(keys, 45, 1, following)] == ["Enter open  Esc close  Ctrl+X …  r rename"]
    assert [line.plain for line in hint_lines(keys, 30, 1, following)] == ["Enter open  Esc close"]
    rebound = build_keymap(DIALOG_ROWS, {"leader": "ctrl+a", "sessions": {"rename": "f2"}})
    assert hint_keys(rebound, hints)[1] == [("Ctrl+A …  p", "pin")]
