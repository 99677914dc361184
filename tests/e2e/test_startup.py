from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from codecs import getincrementaldecoder
from pathlib import Path

import pytest

from stepchat.first_frame.picture import prompt_row_limit
from tests.e2e.screens import Screens
from tests.e2e.terminal import Terminal, is_stopped

ROOT = Path(__file__).parents[2]
APP = Path(__file__).parent / "startup_app.py"


def start(
    home: Path, what: str = "app", cols: int = 80, rows: int = 16, args: list[str] | None = None, **env
) -> Terminal:
    env = {"PYTHONPATH": str(ROOT), "NOTES": str(home / "notes"), "GATE": str(home / "gate"), **env}
    return Terminal([sys.executable, str(APP), what, *(args or [])], home, env, cols, rows)


def notes(home: Path) -> dict:
    path = home / "notes"
    return json.loads(path.read_text()) if path.exists() else {"state": None}


def wait_until_ready(terminal: Terminal, home: Path) -> dict:
    terminal.wait_for(lambda _: notes(home)["state"] == "ready")
    return notes(home)


def quit_and_look(terminal: Terminal, home: Path) -> dict:
    """Leave with Ctrl+Q, which comes after all that was typed before it."""
    terminal.press("ctrl+q")
    assert terminal.wait_exit() == 0
    assert notes(home)["state"] == "quit"
    assert_restored(terminal)
    return notes(home)


def assert_restored(terminal: Terminal) -> None:
    assert terminal.attributes() == terminal.attributes_before
    assert not terminal.alternate
    assert terminal.left_alternate == 1
    # Of the modes that are off in a terminal at rest none is on; the two that are on are on.
    assert terminal.modes == {7, 25}


@pytest.fixture
def gate(tmp_path):
    """A fifo: an app with `-gate` does not import Textual before it is opened by `open_gate`."""
    os.mkfifo(tmp_path / "gate")
    return tmp_path / "gate"


def open_gate(gate: Path) -> None:
    gate.write_text("")


def picture(screens: Screens) -> list[list[tuple]]:
    """What the eye sees of each cell: a blank one has no foreground."""
    columns, rows = screens.size
    cells = [[screens.current.buffer[y][x] for x in range(columns)] for y in range(rows)]
    return [[(cell.data, cell.bg, None if cell.data == " " else cell.fg) for cell in row] for row in cells]


def pictures(terminal: Terminal, size: tuple[int, int]) -> list[list[list[tuple]]]:
    """The screen, the painted cursor with it, after each read as long as the alternate screen is on."""
    screens, decoder = Screens(*size), getincrementaldecoder("utf-8")("replace")
    shown = []
    for read in terminal.reads:
        screens.feed(decoder.decode(read.data))
        screens.draw()
        if screens.alternate:
            shown.append(picture(screens))
    return shown


TYPED = [
    ("", ""),
    ("hello", "hello"),
    ("grüße 漢字 ไทย 😀", "grüße 漢字 ไทย 😀"),
    ("one two three " * 12, "one two three " * 12),
    ("漢" * 60, "漢" * 60),
    ("x" * 200, "x" * 200),
    ("a\nb\n\nc", "a\nb\n\nc"),
    ("\n".join(str(number) for number in range(12)), "\n".join(str(number) for number in range(12))),
    ("x\x1b[Dlleft\x1b[D\x7f", "lletx"),
]


SIZES = [(80, 16), (60, 12), (121, 40)]
# Each start takes a while: only a text that wraps is typed at every size.
PICTURES = [
    (*row, size)
    for number, row in enumerate(TYPED)
    for size in (SIZES if row[0].startswith("one") else SIZES[number % 3 : number % 3 + 1])
]


@pytest.mark.parametrize(("keys", "text", "size"), PICTURES, ids=range(len(PICTURES)))
def test_the_picture_does_not_change_when_textual_takes_over(keys, text, size, tmp_path, gate):
    with start(tmp_path, "app-gate", *size) as terminal:
        # The last words of the frame: a read may end in the middle of it.
        terminal.wait_for("Ctrl+T reasoning")
        terminal.type(keys)
        if text:
            terminal.wait_for(lambda seen: settled(seen, text))
        before = len(terminal.reads)
        open_gate(gate)
        wait_until_ready(terminal, tmp_path)
        assert quit_and_look(terminal, tmp_path)["text"] == text
        shown = pictures(terminal, size)
        assert len(shown) > before
        for number, after in enumerate(shown[before:]):
            changed = [
                (y, x, after[y][x], cell)
                for y, row in enumerate(shown[before - 1])
                for x, cell in enumerate(row)
                if after[y][x] != cell
            ]
            assert not changed, f"{number} of {len(shown) - before}: {len(changed)} {changed[:5]}"


def settled(terminal: Terminal, text: str) -> bool:
    """The frame shows the end of the text, or all of one that consists of the same letters."""
    rows = prompt_row_limit(len(terminal.lines()))
    inside = re.sub(r"[\s─]", "", "".join(line[2:] for line in terminal.lines()[-1 - rows : -1]))
    whole = re.sub(r"\s", "", text)
    return whole == inside if len(set(whole)) == 1 else inside.endswith(whole[-6:])


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.02, 0.03, 0.06, 0.12, 0.25, 0.3])
def test_what_is_typed_at_any_moment_arrives_once_and_in_order(moment, tmp_path):
    with start(tmp_path) as terminal:
        terminal.process_wait(moment)
        terminal.type("hello wörld 漢")
        terminal.press("left", "left", "x")
        time.sleep(0.05)  # lines that come at once would be a paste
        terminal.press("enter")
        time.sleep(0.05)
        terminal.type("again")
        wait_until_ready(terminal, tmp_path)
        done = quit_and_look(terminal, tmp_path)
        assert (done["sent"], done["text"]) == (["hello wörldx 漢"], "again")


def test_a_stream_of_keys_across_the_takeover(tmp_path):
    words = [f"w{number} " for number in range(400)]
    with start(tmp_path) as terminal:
        terminal.wait_for("Ask, or / for")
        count = 0
        while notes(tmp_path)["state"] != "ready" and count < 300:
            terminal.type(words[count])
            count += 1
            terminal.process_wait(0.002)
        for word in words[count : count + 20]:
            terminal.type(word)
        assert quit_and_look(terminal, tmp_path)["text"] == "".join(words[: count + 20])


def test_enter_and_what_follows_it(tmp_path, gate):
    with start(tmp_path, "app-gate") as terminal:
        terminal.wait_for("Ask, or / for")
        terminal.type("first")
        terminal.press("enter")
        terminal.type("second\nline")
        terminal.press("enter")
        terminal.type("thrd")
        terminal.press("left", "left", "i")
        open_gate(gate)
        wait_until_ready(terminal, tmp_path)
        done = quit_and_look(terminal, tmp_path)
        assert (done["sent"], done["text"], done["cursor"]) == (["first", "second\nline"], "third", [0, 3])


def test_enter_typed_before_the_program_ran_is_enter(tmp_path):
    with start(tmp_path, "app") as terminal:
        # The terminal is in line mode until the program sets it, and makes a newline of Enter.
        terminal.type("early")
        terminal.press("enter")
        wait_until_ready(terminal, tmp_path)
        assert quit_and_look(terminal, tmp_path)["sent"] == ["early"]


def test_pastes(tmp_path, gate):
    long = "\n".join(f"line {number}" for number in range(30))
    with start(tmp_path, "app-gate") as terminal:
        terminal.wait_for("Ask, or / for")
        terminal.paste("two\nlines ")
        terminal.wait_for("lines")
        terminal.paste(long)
        open_gate(gate)
        wait_until_ready(terminal, tmp_path)
        assert quit_and_look(terminal, tmp_path)["text"] == "two\nlines " + long


def test_a_paste_cut_by_the_takeover(tmp_path, gate):
    with start(tmp_path, "app-gate") as terminal:
        terminal.wait_for("Ask, or / for")
        terminal.type("a\x1b[200~one\rtw")
        terminal.wait_for("❯ a")
        open_gate(gate)
        terminal.process_wait(0.02)
        terminal.type("o\x1b[201~b")
        wait_until_ready(terminal, tmp_path)
        done = quit_and_look(terminal, tmp_path)
        assert (done["text"], done["sent"]) == ("aone\ntwob", [])


def test_ctrl_c_clears_and_is_no_signal(tmp_path, gate):
    with start(tmp_path, "app-gate") as terminal:
        terminal.wait_for("Ask, or / for")
        terminal.press("ctrl+c")
        terminal.type("wrong")
        terminal.wait_for("wrong")
        terminal.press("ctrl+c")
        terminal.wait_for("Ask, or / for")
        terminal.type("right")
        open_gate(gate)
        wait_until_ready(terminal, tmp_path)
        assert quit_and_look(terminal, tmp_path)["text"] == "right"


def test_ctrl_q_before_textual_quits_as_soon_as_it_can(tmp_path, gate):
    with start(tmp_path, "app-gate") as terminal:
        terminal.wait_for("Ask, or / for")
        terminal.type("bye")
        terminal.press("ctrl+q")
        open_gate(gate)
        assert terminal.wait_exit() == 0
        assert notes(tmp_path)["text"] == "bye"
        assert_restored(terminal)


def test_a_resize_before_textual(tmp_path, gate):
    with start(tmp_path, "app-gate") as terminal:
        terminal.wait_for("Ask, or / for")
        terminal.type("text")
        terminal.wait_for("text")
        terminal.resize(50, 20)
        terminal.wait_for(lambda seen: seen.lines()[17:19] == ["─" * 50, "❯ text"])
        open_gate(gate)
        wait_until_ready(terminal, tmp_path)
        terminal.wait_for(lambda seen: seen.lines()[17:19] == ["─" * 50, "❯ text"])


def test_no_heavy_module_is_there_at_the_first_frame(tmp_path):
    with start(tmp_path) as terminal:
        modules = set(wait_until_ready(terminal, tmp_path)["modules"])
    heavy = {
        "re",
        "enum",
        "typing",
        "threading",
        "pathlib",
        "dataclasses",
        "json",
        "tty",
        "signal",
        "contextlib",
        "unicodedata",
    }
    heavy |= {
        "textual",
        "rich",
        "asyncio",
        "httpx",
        "pydantic",
        "mcp",
        "keyring",
        "platformdirs",
        "stepchat.config.paths",
    }
    # A coverage run or a .pth file of the environment may load some before the program begins.
    script = "import sys; print(*sys.modules)"
    with Terminal([sys.executable, "-c", script], tmp_path, cols=4000) as bare:
        bare.wait_exit()
        given = set(bare.screen().split())
    assert "stepchat.first_frame.frame" in modules
    assert modules & heavy <= given


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        ("import-error", 1, "no_such_module_at_all"),
        ("exit", 3, ""),
        ("exit-message", 1, "the reason"),
        ("app-error", 1, "an error in the app"),
        ("css-error", 1, "no such css"),
    ],
)
def test_after_a_failure_the_terminal_is_as_before_and_says_why(what, code, said, tmp_path):
    with start(tmp_path, what, cols=120, rows=60) as terminal:
        assert terminal.wait_exit() == code
        assert_restored(terminal)
        assert said in terminal.screen()
        assert b"\x1b[?1049h" in terminal.output()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("what", ["hang", "app"])
def test_after_a_signal_the_terminal_is_as_before(what, number, tmp_path):
    with start(tmp_path, what) as terminal:
        terminal.wait_for("Ask, or / for")
        if what == "app":
            wait_until_ready(terminal, tmp_path)
        terminal.kill(number)
        assert terminal.wait_exit() == -number
        assert_restored(terminal)


def test_stop_and_continue(tmp_path):
    with start(tmp_path) as terminal:
        wait_until_ready(terminal, tmp_path)
        terminal.type("before")
        terminal.wait_for("before")
        terminal.kill(signal.SIGTSTP)
        terminal.wait_for(lambda seen: not seen.alternate)
        terminal.wait_for(is_stopped)
        assert terminal.attributes() == terminal.attributes_before
        terminal.kill(signal.SIGCONT)
        terminal.wait_for(lambda seen: seen.alternate and "before" in seen.screen())
        terminal.type(" after")
        terminal.wait_for("before after")
        terminal.press("ctrl+q")
        assert terminal.wait_exit() == 0
        assert terminal.attributes() == terminal.attributes_before
        assert not terminal.alternate


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": None}, {"PYTHONIOENCODING": "latin-1"}])
def test_an_odd_terminal_gets_the_ordinary_start(env, tmp_path, gate):
    with start(tmp_path, "app-gate", **env) as terminal:
        os.close(os.open(gate, os.O_WRONLY))
        wait_until_ready(terminal, tmp_path)
        assert terminal.output().index(b"\x1b[?1049h") < terminal.output().index("❯".encode())
        terminal.type("typed")
        terminal.wait_for("typed")
        assert quit_and_look(terminal, tmp_path)["text"] == "typed"


def test_a_tiny_terminal_gets_the_ordinary_start(tmp_path):
    with start(tmp_path, cols=18, rows=5) as terminal:
        wait_until_ready(terminal, tmp_path)
        assert quit_and_look(terminal, tmp_path)["text"] == ""


def test_the_model_asked_for_is_shown_and_cannot_send_escapes(tmp_path):
    model = "x/\x1b]0;title\x07\x1b[31mevil\u202e"
    with start(tmp_path, "hang", args=["--model", model]) as terminal:
        terminal.wait_for("]0;title[31mevil")
        assert terminal.title == ""


def test_the_next_start_paints_what_the_last_one_looked_like(tmp_path):
    with start(tmp_path) as terminal:
        wait_until_ready(terminal, tmp_path)
        quit_and_look(terminal, tmp_path)
    path = tmp_path / "stepchat" / "first-frame"
    path.write_text(
        path.read_text().replace("model stepfun/step-3.5-flash", "model a/another").replace("118;188;203", "1;2;3")
    )
    with start(tmp_path, "hang") as terminal:
        terminal.wait_for("  another")
        assert terminal.cells()[14][0].fg == "010203"


def test_stderr_may_be_a_file(tmp_path):
    command = f'exec "{sys.executable}" "{APP}" app 2>"{tmp_path}/errors"'
    env = {"PYTHONPATH": str(ROOT), "NOTES": str(tmp_path / "notes")}
    with Terminal(["/bin/sh", "-c", command], tmp_path, env, 80, 16) as terminal:
        wait_until_ready(terminal, tmp_path)
        terminal.type("shown")
        terminal.wait_for("shown")
        quit_and_look(terminal, tmp_path)
    assert (tmp_path / "errors").read_bytes() == b""
