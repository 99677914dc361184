"""What may be painted of a saved screen."""

import pytest

from stepchat.first_frame.page import is_safe, requested_session


@pytest.mark.parametrize(
    ("row", "safe"),
    [
        ("", True),
        ("\x1b[38;2;1;2;3mtext 漢字\x1b[0m", True),
        ("\x1b[mplain", True),
        ("\x1b]8;id=1;https://a.example\x1b\\link\x1b]8;;\x1b\\", True),
        ("\x1b]0;title\x07", False),
        ("\x1b[2J", False),
        ("\x1b[?1049l", False),
        ("\x1b[31", False),
        ("\x1b[31mbell\x07", False),
        ("\x9b2J", False),
        ("a\rb", False),
    ],
)
def test_only_text_with_colours_and_links_is_safe(row, safe):
    assert is_safe(row) == safe


@pytest.mark.parametrize(
    ("argv", "session"),
    [
        ([], None),
        (["-c"], ""),
        (["--demo", "--continue"], ""),
        (["--resume", "abc"], "abc"),
        (["--resume=abc"], "abc"),
        (["--continue", "-m", "x"], None),
        (["--continue", "question"], None),
    ],
)
def test_only_a_plain_resumption_shows_it(argv, session):
    assert requested_session(argv) == session
