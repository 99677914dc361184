"""Resuming a session shows its last screen at once, and the window takes over without changing it."""

from __future__ import annotations

import sqlite3
import sys
from codecs import getincrementaldecoder

import pytest

from stepchat.demo.server import DemoServer
from tests.e2e.screens import Screens
from tests.e2e.terminal import Terminal

STEPCHAT = [sys.executable, "-m", "stepchat"]
SIZE = (100, 24)
ABOVE = SIZE[1] - 3


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


def opened(home, server, *arguments, cols=SIZE[0], **environ):
    variables = {"OPENROUTER_API_KEY": "sk-or-e2e-key", "STEPCHAT_BASE_URL": server.url, **environ}
    return Terminal([*STEPCHAT, *arguments], home, variables, cols=cols, rows=SIZE[1])


def ask_and_quit(home, server, question, wait_for):
    with opened(home, server) as terminal:
        terminal.wait_for("Ask, or / for commands")
        terminal.type(question)
        terminal.press("enter")
        terminal.wait_for(wait_for)
        terminal.wait_for("context")
        quit_window(terminal)


def quit_window(terminal):
    terminal.press("ctrl+q")
    assert terminal.wait_exit() == 0, terminal.describe()


def transcripts(terminal):
    """The rows above the prompt after each read since the first frame is whole; a blank cell has no foreground."""
    screens, decoder = Screens(*SIZE), getincrementaldecoder("utf-8")("replace")
    for read in terminal.reads:
        screens.feed(decoder.decode(read.data))
        screens.draw()
        whole = screens.alternate and screens.current.display[-1].strip()
        if whole:
            cells = [[screens.current.buffer[y][x] for x in range(SIZE[0])] for y in range(ABOVE)]
            yield [[(cell.data, cell.bg, None if cell.data == " " else cell.fg) for cell in row] for row in cells]


def text_of(rows):
    return "\n".join("".join(cell[0] for cell in row) for row in rows)


@pytest.mark.parametrize("question", ["demo:haiku", "demo:primes", "demo:long tokens=600 reasoning=5"])
def test_the_window_changes_nothing_of_the_first_frame(tmp_path, server, question):
    ask_and_quit(tmp_path, server, question, "❯ Ask")
    with opened(tmp_path, server, "--continue") as terminal:
        terminal.wait_for("context")
        quit_window(terminal)
        seen = list(transcripts(terminal))
    assert text_of(seen[0]).strip(), "the first frame has no text"
    for number, rows in enumerate(seen):
        changed = [(y, text_of([row]).rstrip()) for y, row in enumerate(rows) if row != seen[0][y]]
        assert not changed, f"{number} of {len(seen)}: {changed[:5]}"


def first_text(home, server, *arguments, **options):
    """What the first frame of a start shows above the prompt."""
    with opened(home, server, *arguments, **options) as terminal:
        terminal.wait_for("Ask, or / for commands")
        return text_of(next(transcripts(terminal))).strip()


def test_only_a_screen_that_still_holds_is_shown(tmp_path, server):
    ask_and_quit(tmp_path, server, "demo:haiku", "soon there is a stream")
    database = next(tmp_path.rglob("sessions.db"))
    (session,) = sqlite3.connect(database).execute("SELECT id FROM session").fetchone()
    assert "soon there is a stream" in first_text(tmp_path, server, "--resume", session)
    # Nothing is resumed, the terminal is another one, or words may mean any session.
    assert first_text(tmp_path, server) == ""
    assert first_text(tmp_path, server, "--continue", TERM="xterm-kitty") == ""
    assert first_text(tmp_path, server, "--resume", "haiku") == ""
    # Another message came, or there is text in the prompt.
    for change in ("UPDATE session SET draft = '\"text\"'", "UPDATE session SET draft = '\"\"', leaf = NULL"):
        with sqlite3.connect(database) as connection:
            connection.execute(change)
        assert first_text(tmp_path, server, "--resume", session) == ""


def test_a_session_that_was_deleted_is_not_shown(tmp_path, server):
    ask_and_quit(tmp_path, server, "demo:haiku", "soon there is a stream")
    with opened(tmp_path, server, "--continue") as terminal:
        terminal.wait_for("soon there is a stream")
        terminal.wait_for("context")
        terminal.type("/delete")
        terminal.press("enter")
        terminal.wait_for("Session deleted.")
        quit_window(terminal)
    assert "stream" not in first_text(tmp_path, server, "--continue")


def test_what_is_typed_grows_below_the_page(tmp_path, server):
    ask_and_quit(tmp_path, server, "demo:long tokens=600 reasoning=5", "❯ Ask")
    with opened(tmp_path, server, "--continue") as terminal:
        terminal.wait_for("Ask, or / for commands")
        (*_, last) = [row for row in terminal.lines()[:ABOVE] if row.strip()]
        terminal.type("one\x0atwo\x0athree")
        terminal.wait_for("three")
        rows = terminal.lines()
        assert rows[-5].startswith("─")
        assert last in rows[-8:-5]
        terminal.wait_for("context")
        assert last in terminal.lines()[-8:-5]
        quit_window(terminal)
