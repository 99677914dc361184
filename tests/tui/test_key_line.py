from __future__ import annotations

from stepchat.tui.dialogs.key_line import key_lines

KEYS = (("Enter", "open"), ("Tab", "mark"), ("^R", "rename"), ("Esc", "close"))


def plain(width, most=1):
    return [line.plain for line in key_lines(KEYS, width, most)]


def test_whole_keys_go_and_the_last_stays():
    assert plain(60) == ["Enter open  Tab mark  ^R rename  Esc close"]
    assert plain(41) == ["Enter open  Tab mark  Esc close"]
    assert plain(22) == ["Enter open  Esc close"]
    assert plain(5) == ["Esc close"]


def test_as_many_lines_as_are_allowed():
    assert plain(22, 2) == ["Enter open  Tab mark", "^R rename  Esc close"]
    assert plain(12, 2) == ["Enter open", "Esc close"]
