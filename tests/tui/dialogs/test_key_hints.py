from __future__ import annotations

from stepchat.tui.dialogs.key_hints import key_lines

KEYS = (("Enter", "open"), ("Tab", "mark"), ("^R", "rename"), ("Esc", "close"))


def plain(width, most=1):
    return [line.plain for line in key_lines(KEYS, width, most)]


def test_only_whole_keys_are_shown():
    assert plain(60) == ["Enter open  Tab mark  ^R rename  Esc close"]
    assert plain(41) == ["Enter open  Tab mark  ^R rename"]
    assert plain(22) == ["Enter open  Tab mark"]


def test_as_many_lines_as_are_allowed():
    assert plain(22, 2) == ["Enter open  Tab mark", "^R rename  Esc close"]
    assert plain(12, 2) == ["Enter open", "Tab mark"]
