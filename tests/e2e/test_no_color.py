from __future__ import annotations

import re
import sys

from tests.e2e.terminal import Terminal

COLOURS = re.compile(rb"\x1b\[[0-9;]*\b[34]8;[25];")


def test_without_colours_a_dialog_has_none_either(tmp_path):
    with Terminal([sys.executable, "-m", "stepchat", "--demo"], tmp_path, {"NO_COLOR": "1"}) as terminal:
        terminal.wait_for("This is the demo")
        terminal.press("f1")
        terminal.wait_for("Commands and keys")
        assert COLOURS.search(terminal.output()) is None
        terminal.press("escape")
        terminal.press("ctrl+q")
        terminal.wait_exit()
