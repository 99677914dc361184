from __future__ import annotations

import re
import sys

from tests.e2e.terminal import Terminal

HOSTILE = b"\x1b[200~say look first line \x1b[31mred text\x1b[0m more\rsecond line\rthird line\x1b[201~"
SHOWN = ["❯ say look first line red text more", "  second line", "  third line"]


def prompt_rows(terminal):
    return terminal.lines()[-4:-1]


def test_a_paste_with_escape_sequences_is_neither_sent_nor_cut(tmp_path):
    with Terminal([sys.executable, "-m", "stepchat", "--demo"], tmp_path) as terminal:
        terminal.send(HOSTILE)  # perhaps before Textual runs
        terminal.wait_for(lambda terminal: prompt_rows(terminal) == SHOWN)
        terminal.wait_for("Ctrl+P commands")
        terminal.press("ctrl+c")
        terminal.wait_for("Ask, or / for commands")
        for start in range(0, len(HOSTILE), 25):
            terminal.send(HOSTILE[start : start + 25])
            terminal.process_wait(0.02)
        terminal.wait_for(lambda terminal: prompt_rows(terminal) == SHOWN)
        assert "answering" not in terminal.screen()
        terminal.press("ctrl+q")
        terminal.wait_exit()


def test_what_turns_the_writing_round_is_drawn_nowhere(tmp_path):
    with Terminal([sys.executable, "-m", "stepchat", "--demo"], tmp_path) as terminal:
        terminal.wait_for("This is the demo")
        terminal.paste("say ab\u202ec\u2066d\u3164e")
        terminal.wait_for("❯ say abcde")
        terminal.press("ctrl+x", "f")
        terminal.wait_for("Find:")
        terminal.paste("x\u202ey\u200fz")
        terminal.wait_for("Find: xyz")
        terminal.press("escape", "ctrl+q")
        terminal.wait_exit()
        assert not re.search("[\u200e-\u200f\u202a-\u202e\u2066-\u2069\u3164]", terminal.output().decode())
