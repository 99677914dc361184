"""The terminal of the tests itself, where it must not differ from a person's."""

import pytest

from tests.e2e.screens import Screens


@pytest.mark.parametrize("cut", ["\x1b[38;2", "\x1b[?25", "\x1b[", "\x1b]8;;https://exa", "\x1b]2;ti"])
def test_the_next_escape_ends_a_sequence_that_was_cut(cut):
    screens = Screens(40, 4)
    screens.feed(f"\x1b[?1049hframe{cut}")
    screens.feed("\x1b[?1049l\x1b[?25hafter")
    screens.draw()
    assert not screens.alternate
    assert screens.left_alternate == 1
    assert screens.current.display[0].rstrip() == "after"
